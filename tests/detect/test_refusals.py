"""Files that cannot be classified are refused with a kind and a one-line description."""

import io
import pickle
import sqlite3
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.media.source import Source
from tests import samples


def refusal(content: bytes, name: str = "file") -> InputError:
    with pytest.raises(InputError) as caught:
        detect(Source(name, content))
    assert "\n" not in caught.value.message
    return caught.value


def zip_with(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", "PDF"),
        (b"\x7fELF\x02\x01\x01" + bytes(60), "ELF"),
        (b"MZ\x90\0" + bytes(60), "Windows program"),
        (b"\x1f\x8b\x08\0" + bytes(20), "gzip"),
        (b"\0\x01\0\0\0\x0f\0\x80" + bytes(60), "font"),
        (b"MThd\0\0\0\x06" + bytes(20), "MIDI"),
        (b"CI\x1a\0\0\0\x10\0\x10\0" + bytes(60), "OS/2 icon"),
        (b"BA\x28\0\0\0" + bytes(8) + b"IC\x4e\0\0\0" + bytes(60), "OS/2 icon"),
        (b"{\\rtf1\\ansi hello}", "rich text"),
        (pickle.dumps({"a": 1}), "pickle"),
        (zip_with("a.txt"), "ZIP"),
        (zip_with("[Content_Types].xml", "word/document.xml"), "Word"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "HTML"),
        (b'<?xml version="1.0"?>\n<!-- hi -->\n<svg width="1"></svg>', "SVG"),
        (b'<?xml version="1.0"?><COLLADA></COLLADA>', "COLLADA"),
        (b'<?xml version="1.0"?><gpx></gpx>', "XML"),
        (b'{"a": [1, 2, 3]}', "JSON"),
        (b"[[1, 2, 3], [4, 5, 6]]", "JSON"),
        (b'"""Doc."""\n\nimport os\n\nprint(os.name)\n', "Python"),
        (b"#!/bin/sh\necho hi\n", "script"),
        (b"Hello, world.\nThis is a letter, not media.\n", "plain text"),
        ("Grüße aus München\n".encode("latin-1") * 9, "plain text"),
        ("schön\r\n".encode("utf-16"), "plain text"),
        (b"newmtl a\nKd 1 0 0\n", "MTL"),
        (b"  0\r\nSECTION\r\n  2\r\nENTITIES\r\n", "DXF"),
        (b"filename,label\na.jpg,cat\nb.jpg,dog\nc.jpg,cat\n", "table"),
        (b"date,open,high,low\n1,2,3,4\n2,3,4,5\n3,4,5,6\n", "table"),
        (b"1.0 2.0\n2.0 3.0\n3.0 4.0\n", "2 columns"),
        (b"3\nwater\nO 0.0 0.0 0.1\nH 0.0 0.7 -0.4\nH 0.0 -0.7 -0.4\n", "molecule"),
        (b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\n", "STEP"),
        (b" " * 72 + b"S      1\n1H,,1H;,4HSLOT" + b" " * 55 + b"G      1\n", "IGES"),
        (b"; FBX 7.3.0 project file\n; ---\nFBXHeaderExtension:  {\n}\n", "FBX"),
        (b"#usda 1.0\ndef Mesh {\n}\n", "USD"),
        (b"PXR-USDC\0\x08" + bytes(80), "USD"),
        (zip_with("scan.usdc", "0/texture.png"), "USD"),
        (zip_with("[Content_Types].xml", "3D/3dmodel.model"), "3MF"),
        (zip_with("mimetype", "mergedimage.png"), "OpenRaster"),
        (b'<?xml version="1.0"?>\n<X3D version="3.0"></X3D>', "X3D"),
        (b'<?xml version="1.0"?>\n<amf unit="millimeter"></amf>', "AMF"),
        (b'<?xml version="1.0"?>\n<VTKFile type="PolyData"></VTKFile>', "VTK"),
        (b"# vtk DataFile Version 3.0\nx\nASCII\nPOINTS 1 float\n0 0 0\n", "VTK"),
        (b"3D Geometry File Format        50" + bytes(80), "Rhino"),
        (b"\xff\xfe\xff\x0e" + "SketchUp Model".encode("utf-16-le") + bytes(80), "SketchUp"),
        (b"AC1027" + bytes(100), "DWG"),
        (b"LASF" + bytes(300), "LAS point cloud"),
        (b"ASTM-E57" + bytes(100), "E57"),
        (b"#ROSBAG V2.0\n" + bytes(100), "robot"),
        (b"OFF we go\nagain\n", "plain text"),
        (b"solid advice for everyone\n", "plain text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "LFS"),
        (b"\xff", "unknown binary data"),
        (bytes(range(128, 256)) * 8, "unknown binary data"),
    ],
)
def test_other_files_are_unsupported(content, looks):
    error = refusal(content)
    assert error.kind == "unsupported"
    assert looks in error.message


def test_sqlite(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table t (a)")
    database.close()
    assert "SQLite" in refusal((tmp_path / "a.db").read_bytes()).message


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros(1000, np.float32), "sample rate"),
        (np.zeros((1000, 2), np.float32), "sample rate"),
        (np.zeros((30, 40), np.float32), "points are"),
        (np.zeros((8, 16, 16, 3), np.uint8), "a batch or video"),
        (np.array([{"a": 1}], dtype=object), "pickle"),
        (np.array(["a", "b"]), "neither picture nor points"),
    ],
)
def test_ambiguous_arrays(array, says):
    error = refusal(npy(array))
    assert error.kind == "unsupported"
    assert says in error.message


def test_empty_arrays():
    assert refusal(npy(np.zeros((0, 3)))).kind == "empty"


def test_npz_with_two_clouds(tmp_path):
    np.savez(tmp_path / "a.npz", first=np.ones((9, 3)), second=np.ones((9, 3)))
    error = refusal((tmp_path / "a.npz").read_bytes())
    assert error.kind == "unsupported"
    assert "first, second" in error.message


def test_splats_of_bare_numbers_are_known_by_their_name():
    content = np.linspace(-1, 1, 800, dtype="<f4").tobytes()
    assert "splat" in refusal(content, "scene.splat").message


def test_empty_file():
    assert refusal(b"").kind == "empty"


def test_zero_bytes_only():
    assert refusal(bytes(5000), "a.jpg").kind == "corrupt"


def test_random_bytes_with_a_name_of_sound():
    error = refusal(np.random.default_rng(0).bytes(20_000), "song.mp3")
    assert error.kind == "unsupported"
    assert ".mp3" in error.message


def test_only_a_name_of_media_is_spoken_of():
    content = bytes(range(128, 256)) * 8
    for name in ("a.jpg", "A.FLAC", "a.h264", "a.obj"):
        ending = name.lower().partition(".")[2]
        told = f"unknown binary data, although its name ends in .{ending}; perceiver reads"
        assert refusal(content, name).message.startswith(told)
    for name in ("a.bin", "a.dat", "a", "a.b c"):
        assert refusal(content, name).message.startswith("unknown binary data; perceiver reads")


def test_tag_without_sound():
    assert refusal(b"ID3\4\0\0\0\0\0\x0a" + bytes(10), "a.mp3").kind == "corrupt"


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_containers_cut_off_before_their_streams(tmp_path, name):
    options = {"pictures": "mpeg4", "sound": "libmp3lame"} if name == "a.avi" else {}
    content = samples.make_av(tmp_path / name, 1, **options).read_bytes()
    assert refusal(content[:60]).kind == "corrupt"


def test_mp4_cut_in_half(tmp_path):
    content = samples.make_av(tmp_path / "a.mp4", 1).read_bytes()
    assert refusal(content[: len(content) // 2]).kind == "corrupt"


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.webp", "a.avif"])
def test_pictures_cut_off_in_their_header(tmp_path, name):
    content = samples.make_picture(tmp_path / name).read_bytes()
    assert refusal(content[:20]).kind == "corrupt"


def test_short_stl(tmp_path):
    content = samples.make_mesh(tmp_path / "a.stl").read_bytes()
    assert refusal(content[:-60], "a.stl").kind == "corrupt"


def test_ply_cut_off_in_its_header():
    assert refusal(b"ply\nformat ascii 1.0\n").kind == "corrupt"


def test_damaged_npz(tmp_path):
    np.savez(tmp_path / "a.npz", np.ones((9, 3)))
    assert refusal((tmp_path / "a.npz").read_bytes()[:-30]).kind == "corrupt"


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError) as caught:
            detect(Source(str(path)))
        assert caught.value.kind == "unreadable"


def test_hostile_text_is_refused_quickly():
    refusal(b"OFF " + b"#" * 60_000)
    refusal(b"<!--" * 10_000)
    refusal(b"# a comment\r\n" * 60)
    refusal(b"# a paragraph\n\n\n\n" * 60)
    refusal(b"solid" + b" " * 60_000)
    refusal(b"".join(b"%06d\n" % number for number in range(9000)))


def test_a_list_of_numbers_is_no_shape():
    found = refusal(b"".join(b"%06d\n" % number for number in range(40, 3000, 7)))
    assert (found.kind, found.message.split(";")[0]) == ("unsupported", "looks like plain text")


@pytest.mark.parametrize("end", ["", " 0.87"])
def test_boxes_in_a_picture_are_no_shape(end):
    rows = ("0 0.602 0.201 0.141 0.114", "0 0.780 0.296 0.15 0.173", "1 0.617 0.336 0.597 1")
    for count in (1, 3, 30):
        content = "".join(f"{rows[n % 3]}{end}\n" for n in range(count)).encode()
        found = refusal(content)
        assert found.kind == "unsupported"
        assert found.message.startswith("looks like boxes in a picture (YOLO labels)")


def test_import_is_light():
    code = (
        "import sys, perceiver_cli.detect; "
        "sys.exit(bool({'torch', 'av', 'PIL', 'trimesh', 'soundfile'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (b"Extended Module: a tune" + bytes(60), False),
        (b"IMPM" + bytes(60), False),
        (b"\x01\x02" * 540 + b"M.K." + bytes(60), False),
        (b"MThd\0\0\0\x06" + bytes(20), False),
        (b"RIFF\x10\0\0\0RMID" + bytes(60), False),
        (b"%PDF-1.7\n", False),
        (b"\x1f\x8b\x08\0" + bytes(20), False),
        (zip_with("a.txt"), False),
        (zip_with("[Content_Types].xml", "word/document.xml"), False),
        (b"#EXTM3U\na.mp3\n", False),
        (b"plain words\n", False),
        (b'{"a": 1}', False),
        (b"\x93\x07\x01\xfe" * 20, False),
        (b"qoif" + bytes(60), True),
        (b"IIRO" + bytes(60), True),
        (b"ADIF" + bytes(60), True),
        (b"CI\x1a\0\0\0\x10\0\x10\0" + bytes(60), True),
        (zip_with("scene.usdc"), True),
        (zip_with("3D/3dmodel.model"), True),
        (b"<svg/>", True),
        (b"#usda 1.0\n", True),
    ],
)
def test_only_media_in_another_form_is_not_passed_over(content, media):
    """In folders, files with a NotMediaError are passed over; other errors are reported."""
    assert isinstance(refusal(content), NotMediaError) is not media


@pytest.mark.parametrize(("name", "media"), [("a.zip", False), ("a.npz", True), ("a", True)])
def test_a_damaged_zip_is_passed_over_by_its_name(name, media):
    error = refusal(zip_with("a.txt")[:40], name)
    assert error.kind == "corrupt"
    assert isinstance(error, NotMediaError) is not media


def test_a_splat_is_media_in_another_form():
    assert not isinstance(refusal(b"\x93\x07\x01\xfe" * 20, "a.splat"), NotMediaError)
