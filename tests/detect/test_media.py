"""Every supported format is detected from its content."""

from pathlib import Path

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.detect.signatures import Family, find_signature
from perceiver_cli.errors import InputError
from perceiver_cli.media.source import Source
from tests import samples


def found(path: Path):
    return detect(Source(str(path)))


@pytest.mark.parametrize(
    ("name", "format", "reason"),
    [
        ("a.jpg", "jpeg", "JPEG header"),
        ("a.png", "png", "PNG header"),
        ("a.webp", "webp", "RIFF/WEBP header"),
        ("a.bmp", "bmp", "BMP header"),
        ("a.tiff", "tiff", "TIFF header"),
        ("a.gif", "gif", "GIF header"),
        ("a.avif", "avif", "AVIF header"),
        ("a.ppm", "ppm", "PNM header"),
        ("a.jp2", "jp2", "JPEG 2000 header"),
    ],
)
def test_still_pictures(tmp_path, name, format, reason):
    detection = found(samples.make_picture(tmp_path / name))
    assert (detection.modality, detection.format, detection.reason) == ("image", format, reason)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_animated_pictures_are_video(tmp_path, name):
    detection = found(samples.make_animation(tmp_path / name, [100, 100, 100]))
    assert detection.modality == "video"
    assert detection.reason.startswith("animated ")


def test_png_whose_animation_has_one_frame_is_an_image(tmp_path):
    path = samples.make_animation(tmp_path / "a.png", [100, 100], default_image=True)
    assert found(path).modality == "image"


@pytest.mark.parametrize(
    ("name", "options", "format"),
    [
        ("a.wav", {}, "wav"),
        ("float.wav", {"subtype": "FLOAT"}, "wav"),
        ("a.rf64", {"format": "RF64"}, "wav"),
        ("a.w64", {}, "w64"),
        ("a.flac", {}, "flac"),
        ("a.ogg", {}, "ogg"),
        ("a.opus", {"format": "OGG", "subtype": "OPUS", "rate": 48000}, "ogg"),
        ("a.mp3", {}, "mp3"),
        ("a.aiff", {}, "aiff"),
        ("a.au", {}, "au"),
        ("a.caf", {}, "caf"),
    ],
)
def test_sounds(tmp_path, name, options, format):
    detection = found(samples.make_sound(tmp_path / name, 0.5, **options))
    assert (detection.modality, detection.format) == ("audio", format)


def test_wav_reason(tmp_path):
    assert found(samples.make_sound(tmp_path / "a.wav")).reason == "RIFF/WAVE header"


def test_mp3_with_a_large_tag(tmp_path):
    bare = samples.make_sound(tmp_path / "a.mp3", 0.5).read_bytes()
    size = 300_000
    tag = b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + b"\xff" * size
    (tmp_path / "b.bin").write_bytes(tag + bare)
    detection = found(tmp_path / "b.bin")
    assert (detection.modality, detection.format) == ("audio", "mp3")
    assert "ID3" in detection.reason


def test_flac_behind_a_tag(tmp_path):
    bare = samples.make_sound(tmp_path / "a.flac", 0.5).read_bytes()
    (tmp_path / "b.mp3").write_bytes(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + bare)
    assert found(tmp_path / "b.mp3").format == "flac"


def test_mp3_behind_rubbish_is_told_by_its_name(tmp_path):
    bare = samples.make_sound(tmp_path / "a.mp3", 1).read_bytes()
    path = tmp_path / "b.mp3"
    path.write_bytes(bytes(range(1, 200)) * 4 + bare)
    detection = found(path)
    assert detection.modality == "audio"
    assert "by its name" in detection.reason


@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS)
def test_container_with_both_is_av(tmp_path, name, format, options):
    detection = found(samples.make_av(tmp_path / name, 0.5, **options))
    assert (detection.modality, detection.format) == ("av", format)
    assert detection.reason.endswith("with pictures and sound")


def test_transport_streams_of_cameras_and_discs(tmp_path):
    """Packets of 192 bytes: each has four more before it."""
    content = samples.make_av(tmp_path / "a.ts", 0.5).read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    path = tmp_path / "a.bin"
    path.write_bytes(b"".join(b"\0\0\0\0" + packet for packet in packets))
    detection = found(path)
    assert (detection.modality, detection.format) == ("av", "ts")


@pytest.mark.parametrize("brand", ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"])
def test_brands_of_heif(brand):
    signature = find_signature(b"\0\0\0\x18ftyp" + brand.encode() + b"\0\0\0\0" + b"mif1heic")
    assert (signature.family, signature.format) == (Family.PICTURE, "heic")


@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS)
def test_container_with_pictures_only_is_video(tmp_path, name, format, options):
    detection = found(samples.make_av(tmp_path / name, 0.5, **{**options, "sound": None}))
    assert (detection.modality, detection.format) == ("video", format)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mkv", {}),
        ("a.m4a", {"format": "ipod"}),
        ("a.webm", {"sound": "libopus"}),
        ("a.aac", {"format": "adts"}),
        ("a.ts", {}),
        ("cover.mp4", {"cover": True}),
    ],
)
def test_container_with_sound_only_is_audio(tmp_path, name, options):
    assert (
        found(samples.make_av(tmp_path / name, 0.5, pictures=None, **options)).modality == "audio"
    )


def test_mpeg_video_stream(tmp_path):
    path = samples.make_av(
        tmp_path / "a", 0.5, pictures="mpeg1video", sound=None, format="mpeg1video"
    )
    assert found(path).modality == "video"


@pytest.mark.parametrize(
    ("name", "options", "format", "reason"),
    [
        ("a.ply", {}, "ply", "binary PLY header"),
        ("b.ply", {"encoding": "ascii"}, "ply", "ASCII PLY header"),
        ("a.obj", {}, "obj", "OBJ text"),
        ("a.stl", {}, "stl", "binary STL: triangle count fits the file size"),
        ("b.stl", {"file_type": "stl_ascii"}, "stl", "ASCII STL text"),
        ("a.off", {}, "off", "OFF header"),
        ("a.glb", {}, "glb", "GLB header"),
    ],
)
def test_meshes(tmp_path, name, options, format, reason):
    detection = found(samples.make_mesh(tmp_path / name, **options))
    assert (detection.modality, detection.format) == ("pointcloud", format)
    assert detection.reason == reason


def test_binary_stl_titled_solid(tmp_path):
    content = samples.make_mesh(tmp_path / "a.stl").read_bytes()
    (tmp_path / "b").write_bytes(b"solid facet normal".ljust(80) + content[80:])
    assert found(tmp_path / "b").reason.startswith("binary STL")


@pytest.mark.parametrize("start", ["OFF4 1 0", "OFF\n# made by hand\n4 1 0", "# hi\nCOFF 4 1 0"])
def test_off_variants(tmp_path, start):
    path = tmp_path / "a"
    path.write_text(f"{start}\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n")
    assert found(path).format == "off"


@pytest.mark.parametrize("separator", [" ", ",", "\t", ";", ", "])
@pytest.mark.parametrize("titles", ["", "x y z r", "X Y Z r"])
def test_text_points(tmp_path, separator, titles):
    header = separator.join(titles.split())
    path = samples.make_text_cloud(tmp_path / "a", 30, separator, header, extra=1)
    detection = found(path)
    assert (detection.modality, detection.format) == ("pointcloud", "xyz")
    assert ("named" in detection.reason) == bool(titles)


def test_text_points_with_count_line(tmp_path):
    assert found(samples.make_text_cloud(tmp_path / "a.pts", 30, header="30")).format == "xyz"


@pytest.mark.parametrize(
    ("shape", "dtype", "modality"),
    [
        ((100, 3), "f4", "pointcloud"),
        ((100, 6), "f8", "pointcloud"),
        ((100, 3), "i4", "pointcloud"),
        ((20, 30, 3), "u1", "image"),
        ((20, 30), "u1", "image"),
        ((20, 30), "u2", "image"),
        ((20, 30, 4), "f4", "image"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays(tmp_path, shape, dtype, modality, suffix):
    path = tmp_path / f"a.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, np.ones(shape, dtype))
    detection = found(path)
    assert (detection.modality, detection.format) == (modality, suffix)
    assert str(list(shape)) in detection.reason


def test_npz_prefers_the_usual_name(tmp_path):
    np.savez(tmp_path / "a.npz", normals=np.ones((9, 3)), points=np.ones((9, 3)), label=np.ones(1))
    assert "'points'" in found(tmp_path / "a.npz").reason


def test_gltf_with_embedded_buffers(tmp_path):
    import base64
    import json

    import trimesh

    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(trimesh.creation.box()))
    tree = json.loads(files.pop("model.gltf"))
    path = tmp_path / "a.gltf"
    path.write_text(json.dumps(tree))
    with pytest.raises(InputError, match=r"a file that is missing: gltf_buffer_0\.bin"):
        found(path)
    for buffer in tree["buffers"]:
        content = base64.b64encode(files[buffer["uri"]]).decode()
        buffer["uri"] = f"data:application/octet-stream;base64,{content}"
    path.write_text(json.dumps(tree))
    assert found(path).format == "gltf"


@pytest.mark.parametrize("wrong", ["mp3", "jpg", "txt", "py", ""])
def test_wrong_names_do_not_mislead(tmp_path, wrong):
    makers = {
        "image": lambda p: samples.make_picture(p, format="PNG"),
        "audio": lambda p: samples.make_sound(p, 0.2, format="WAV"),
        "pointcloud": lambda p: samples.make_mesh(p, file_type="off"),
        "av": lambda p: samples.make_av(p, 0.2, format="mp4"),
    }
    for modality, make in makers.items():
        assert found(make(tmp_path / f"{modality}.{wrong}")).modality == modality


def test_bytes_from_standard_input(tmp_path):
    content = samples.make_av(tmp_path / "a.mp4", 0.2).read_bytes()
    assert detect(Source("-", content)).modality == "av"
