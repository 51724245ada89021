"""Archives are read in order without unpacking; hostile content gives one-line errors."""

import base64
import gzip
import io
import json
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.inputs import archive_limits, archives
from perceiver_cli.inputs.archives import members
from perceiver_cli.inputs.failed_source import FailedSource
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.inputs.paths import find_inputs
from perceiver_cli.media.source import Source

CONTENT = {"b.jpg": b"second" * 50, "sub/a.jpg": b"first", "empty.jpg": b"", ".hidden": b"x"}


def make_tar(path: Path, content: dict[str, bytes] = CONTENT, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def make_zip(path: Path, content: dict[str, bytes] = CONTENT, **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as packed:
        for name, data in content.items():
            packed.writestr(name, data)
    return path


MAKERS = {
    "a.tar": make_tar,
    "a.tar.gz": lambda path: make_tar(path, mode="w:gz"),
    "a.tar.bz2": lambda path: make_tar(path, mode="w:bz2"),
    "a.tar.xz": lambda path: make_tar(path, mode="w:xz"),
    "a.zip": make_zip,
    "b.zip": lambda path: make_zip(path, compression=zipfile.ZIP_DEFLATED),
}


ENCRYPTED_ZIP = (
    "UEsDBAoACQAAAGuce12DFtyMDQAAAAEAAAAFAAAAYS5qcGePtqNrwcmQO0O727zEUEsHCIMW3IwNAAAAAQAAAFBL"
    "AwQKAAkAAABrnHtdgxbcjA0AAAABAAAABQAAAGIuanBns1+hdFOwXL/7n7Mlf1BLBwiDFtyMDQAAAAEAAABQSwEC"
    "HgMKAAkAAABrnHtdgxbcjA0AAAABAAAABQAAAAAAAAABAAAApIEAAAAAYS5qcGdQSwECHgMKAAkAAABrnHtdgxbc"
    "jA0AAAABAAAABQAAAAAAAAABAAAApIFAAAAAYi5qcGdQSwUGAAAAAAIAAgBmAAAAgAAAAAAA"
)


def listed(path: Path, **options) -> list[Source]:
    kind = "zip" if path.suffix == ".zip" else "tar"
    return list(members(Source(str(path)), kind, FileFilter(**options)))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("held", [archives.HELD_BYTES, 2])
def test_members_come_in_order_and_their_names_open_again(tmp_path, monkeypatch, name, held):
    monkeypatch.setattr(archives, "HELD_BYTES", held)
    path = MAKERS[name](tmp_path / name)
    sources = listed(path)
    scheme = "zip" if path.suffix == ".zip" else "tar"
    visible = [member for member in CONTENT if not member.startswith(".")]
    assert [s.path for s in sources] == [f"{scheme}://{m}::{path}" for m in visible]
    for source, member in zip(sources, visible, strict=True):
        again = named_source(source.path)
        for opened in (source, again, again.fetched()):
            assert opened.open().read() == CONTENT[member]
        assert again.identity() == source.identity()
        assert source.suffix == "jpg"
        assert source.has_no_bytes() == (member == "empty.jpg")
    assert len(listed(path, hidden=True)) == 4


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
def test_members_of_one_name_are_told_apart(tmp_path, name):
    path = tmp_path / name
    entries = [(each, os.urandom(40)) for each in ("s/a.jpg", "s/a.jpg", "s/a.jpg", "s/a (2).jpg")]
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as packed:
            for member, data in entries:
                packed.writestr(member, data)
    else:
        with tarfile.open(path, "w:gz" if name == "a.tgz" else "w") as tar:
            for member, data in entries:
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    sources = listed(path)
    expected = ["s/a.jpg", "s/a (2).jpg", "s/a (3).jpg", "s/a (2) (2).jpg"]
    assert [s.path.partition("://")[2] for s in sources] == [f"{m}::{path}" for m in expected]
    for source, (_, data) in zip(sources, entries, strict=True):
        assert source.open().read() == named_source(source.path).open().read() == data


def test_filters_hold_for_members(tmp_path):
    path = make_tar(tmp_path / "a.tar")
    names = [s.member for s in listed(path, include=("*.jpg",), exclude=("sub",))]
    assert names == ["b.jpg", "empty.jpg"]
    shards = [[s.member for s in listed(path, shard=(i, 2))] for i in (1, 2)]
    assert sorted(shards[0] + shards[1]) == ["b.jpg", "empty.jpg", "sub/a.jpg"]


def test_an_archive_in_a_folder_is_read_only_when_asked_for(tmp_path):
    make_tar(tmp_path / "a.tar")
    found = {
        asked: [i.source.path for i in find_inputs([str(tmp_path)], file_filter=filter_)]
        for asked, filter_ in ((False, FileFilter()), (True, FileFilter(archives=True)))
    }
    assert found[False] == [str(tmp_path / "a.tar")]
    assert len(found[True]) == 3
    named = list(find_inputs([str(tmp_path / "a.tar")]))
    assert [i.source.path for i in named] == found[True]


ANY_NAMES = ("./coffee.jpg", "a/./b.jpg", "../x.jpg", "/y.jpg", "a//c.jpg", "./.hid", ".git/d.jpg")


@pytest.mark.parametrize("name", MAKERS)
def test_members_may_have_any_name(tmp_path, monkeypatch, name):
    make = make_zip if name.endswith(".zip") else make_tar
    modes = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz"}
    options = {"mode": modes[name]} if name in modes else {}
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path.parent))
    make(Path(name), {each: each.encode() for each in ANY_NAMES}, **options)
    sources = listed(Path(name))
    assert [s.member for s in sources] == list(ANY_NAMES[:-2])
    for source in sources:
        assert source.open().read() == source.member.encode()
        assert named_source(source.path).open().read() == source.member.encode()
    assert [s.member for s in listed(Path(name), include=("a/*",))] == [
        *("a/./b.jpg", "a//c.jpg"),
    ]
    assert [s.member for s in listed(Path(name), exclude=("a",))] == [
        *("./coffee.jpg", "../x.jpg", "/y.jpg"),
    ]
    assert sorted(os.listdir(tmp_path.parent)) == before


def make_links(path: Path, mode: str = "w") -> Path:
    """A tar with links: (name, type, target)."""
    with tarfile.open(path, mode) as tar:
        for name in ("./sub/a.jpg", "b.jpg", "empty"):
            entry = tarfile.TarInfo(name)
            entry.size = 0 if name == "empty" else len(name)
            tar.addfile(entry, io.BytesIO(name.encode()))
        for name, kind, target in (
            ("hard.jpg", tarfile.LNKTYPE, "./sub/a.jpg"),
            ("sub/soft.jpg", tarfile.SYMTYPE, "../b.jpg"),
            ("twice.jpg", tarfile.SYMTYPE, "sub/soft.jpg"),
            ("to-later.jpg", tarfile.SYMTYPE, "last.jpg"),
            ("to-empty", tarfile.LNKTYPE, "empty"),
            ("to-folder", tarfile.SYMTYPE, "sub"),
            ("here", tarfile.SYMTYPE, "."),
            ("out.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            ("round.jpg", tarfile.SYMTYPE, "round.jpg"),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            tar.addfile(entry)
        entry = tarfile.TarInfo("last.jpg")
        entry.size = 4
        tar.addfile(entry, io.BytesIO(b"last"))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("held", [archives.HELD_BYTES, 2])
def test_links_lead_to_members_of_the_same_tar(tmp_path, monkeypatch, mode, held):
    monkeypatch.setattr(archives, "HELD_BYTES", held)
    path = make_links(tmp_path / "a.tar", mode)
    sources = {s.path.removeprefix("tar://").partition("::")[0]: s for s in listed(path)}
    for name, content in (
        ("hard.jpg", b"./sub/a.jpg"),
        ("sub/soft.jpg", b"b.jpg"),
        ("twice.jpg", b"b.jpg"),
        ("to-later.jpg", b"last"),
        ("to-empty", b""),
    ):
        again = named_source(sources[name].path)
        for source in (sources[name], again, again.fetched()):
            assert source.open().read() == content
            assert source.path == f"tar://{name}::{path}"
            assert source.identity() in (None, {"size": len(content), "version": "0"})
        assert sources[name].has_no_bytes() == (content == b"")
    for name, reason in (
        ("out.jpg", "is a link to /etc/passwd, which is not in the archive"),
        ("round.jpg", "is a link that leads back to itself"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            sources[name].open()
        assert caught.value.kind == "unreadable"
    for name, reason in (
        ("to-folder", "is a link to the folder sub"),
        ("here", "is a link to the folder ."),
        ("pipe", "is a device or a pipe, not a file"),
    ):
        with pytest.raises(NotMediaError, match=reason):
            sources[name].open()


def test_links_lead_to_members_of_the_same_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.jpg", b"mine")
        for name, target in (("sub/soft.jpg", "../a.jpg"), ("out.jpg", "../../etc/passwd")):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(entry, target)
    _, soft, out = listed(path)
    assert soft.open().read() == named_source(soft.path).open().read() == b"mine"
    with pytest.raises(InputError, match=r"link to ../../etc/passwd, which is not in"):
        out.open()


def test_verbose_names_what_is_passed_over_in_an_archive(run, bundle, media, tmp_path):
    path = make_links(tmp_path / "a.tgz", "w:gz")
    outcome = run("classify", path, "-v", "--format", "labels", "--exclude", "*.jpg")
    assert outcome.exit_code == 0
    assert "passed over 5 files that are not media\n" in outcome.stderr
    for name, reason in (
        ("to-empty", "the file is empty"),
        ("to-folder", "is a link to the folder sub"),
        ("pipe", "is a device or a pipe, not a file"),
    ):
        assert f"passed over tar://{name}::{path}: {reason}" in outcome.stderr


def test_a_bomb_that_says_so_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_PIPE_BYTES", 1000)
    for path in (
        make_zip(tmp_path / "a.zip", {"big": bytes(5000), "b": b"x"}, compression=8),
        make_tar(tmp_path / "a.tgz", {"big": bytes(5000), "b": b"x"}, "w:gz"),
    ):
        big, small = listed(path)
        assert isinstance(big, FailedSource)
        assert big.error.kind == "too_large"
        assert small.open().read() == b"x"


def test_a_bomb_that_does_not_say_so_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_limits, "MORE_BYTES", 10_000)
    content = {f"{n}.bin": bytes(400_000) for n in range(4)}
    for path in (
        make_zip(tmp_path / "a.zip", content, compression=8),
        make_tar(tmp_path / "a.tgz", content, "w:gz"),
    ):
        *_, last = listed(path)
        assert last.path == str(path)
        assert last.error.kind == "too_large"


def test_a_header_that_is_a_bomb_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_limits, "MORE_BYTES", 10_000)
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 2**32
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(entry.tobuf() + bytes(2**24)))
    (failed,) = listed(path)
    assert failed.error.kind == "too_large"


def test_damage_takes_no_other_member_along(tmp_path):
    content = {"a.bin": os.urandom(5000), "b.bin": os.urandom(5000)}
    path = make_zip(tmp_path / "a.zip", content)
    raw = bytearray(path.read_bytes())
    raw[200] ^= 255
    path.write_bytes(raw)
    first, second = listed(path)
    assert first.error.kind == "corrupt"
    assert second.open().read() == content["b.bin"]
    path = make_tar(tmp_path / "b.tar", content)
    path.write_bytes(path.read_bytes()[:7000])
    first, second = listed(path)
    assert first.open().read() == content["a.bin"]
    assert (second.path, second.error.kind) == (str(path), "corrupt")


def test_filters_hold_for_members_that_cannot_be_read(tmp_path):
    path = make_zip(tmp_path / "a.zip", {"bad.png": b"b" * 500, "sub/notes.bin": b"n" * 500})
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"bbb", b"bxb", 1).replace(b"nnn", b"nxn", 1))
    for options, names in (
        ({}, ["bad.png", "sub/notes.bin"]),
        ({"include": ("*.png",)}, ["bad.png"]),
        ({"exclude": ("*.png",)}, ["sub/notes.bin"]),
        ({"exclude": ("sub",)}, ["bad.png"]),
    ):
        found = listed(path, **options)
        assert [s.path for s in found] == [f"zip://{name}::{path}" for name in names]
        assert {s.error.kind for s in found} == {"corrupt"}


def test_an_archive_that_cannot_be_read_is_in_one_shard(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"something else entirely" * 100)
    shards = [[s.path for s in listed(path, shard=(i, 3))] for i in (1, 2, 3)]
    assert sorted(shards) == [[], [], [str(path)]]


PACKED = [name for name in MAKERS if name.startswith("a.tar.")]


@pytest.mark.parametrize("name", PACKED)
def test_bytes_behind_a_compressed_archive_lose_no_member(tmp_path, name):
    path = MAKERS[name](tmp_path / name)
    path.write_bytes(path.read_bytes() + b"junk")
    assert [s.open().read() for s in listed(path)] == [CONTENT["b.jpg"], CONTENT["sub/a.jpg"], b""]


@pytest.mark.parametrize("name", PACKED)
def test_members_in_front_of_damage_are_read(tmp_path, name):
    content = {f"{index}.bin": os.urandom(50_000) for index in range(20)}
    path = make_tar(
        tmp_path / name, content, {"gz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}[name[6:]]
    )
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) * 19 // 20])
    *found, failed = listed(path)
    assert failed.error.kind == "corrupt"
    # bzip2 packs blocks of 900 kB.
    assert len(found) == (17 if name.endswith("bz2") else 19)
    assert [s.open().read() for s in found] == list(content.values())[: len(found)]


def test_what_is_no_archive_is_told(tmp_path):
    for name in ("a.tar", "a.tar.gz", "a.zip"):
        path = tmp_path / name
        path.write_bytes(b"something else entirely" * 100)
        (failed,) = listed(path)
        assert (failed.path, failed.error.kind) == (str(path), "corrupt")
    with pytest.raises(InputError, match="no member c"):
        named_source(f"tar://c::{make_tar(tmp_path / 'c.tar')}").open()
    with pytest.raises(InputError, match=r"^the name of the member is missing$"):
        named_source(f"tar://::{tmp_path / 'c.tar'}").open()


def test_an_encrypted_archive_is_told_in_one_line(run, bundle, tmp_path):
    # Files "a.jpg" and "b.jpg" that say "x", encrypted with "pw" by Info-ZIP 3.0.
    (tmp_path / "a.zip").write_bytes(base64.b64decode(ENCRYPTED_ZIP))
    outcome = run("classify", tmp_path / "a.zip")
    assert outcome.exit_code == 1
    assert outcome.stderr.splitlines()[0] == (
        f"perceiver: {tmp_path / 'a.zip'}: is encrypted: unpack it first"
    )
    assert "b.jpg" not in outcome.stderr + outcome.stdout


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.tar", lambda path: tarfile.open(path, "w").close()),
        ("a.tgz", lambda path: tarfile.open(path, "w:gz").close()),
        ("a.zip", lambda path: zipfile.ZipFile(path, "w").close()),
    ],
)
def test_an_empty_archive_is_no_failure(run, bundle, tmp_path, name, make):
    path = tmp_path / name
    make(path)
    for arguments in ([path], [tmp_path], [tmp_path, "--archives"]):
        outcome = run("classify", *arguments)
        assert outcome.exit_code == 0
        assert "perceiver: nothing to classify\n" in outcome.stderr
    hint = "passed over 1 file that is not media (1 archive; use --archives to include them)"
    assert hint in run("classify", tmp_path).stderr


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "a.zip"])
def test_an_archive_without_a_byte_is_an_empty_file(run, bundle, tmp_path, name):
    path = tmp_path / name
    path.touch()
    outcome = run("classify", path)
    assert outcome.exit_code == 1
    assert outcome.stderr == f"perceiver: {path}: the file is empty (0 bytes)\n"
    for options in ((), ("--archives",)):
        outcome = run("classify", tmp_path, *options)
        assert outcome.exit_code == 0
        assert "passed over 1 file that is not media" in outcome.stderr


def test_archives_in_archives_are_told(run, bundle, media, tmp_path):
    inner = make_tar(tmp_path / "inner.tar", {"photo.jpg": media["image"].read_bytes()})
    content = {"inner.tar": inner.read_bytes(), "notes.txt": b"words\n"}
    outer = make_tar(tmp_path / "outer.tar", content)
    outcome = run("classify", outer)
    assert outcome.exit_code == 0
    hint = "1 archive in archives; unpack the outer ones first"
    told = f"passed over 2 files that are not media ({hint})"
    assert told in outcome.stderr


@pytest.mark.parametrize("command", ["inspect", "explain"])
@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_commands_for_one_file_say_how_those_of_an_archive_are_named(
    run, bundle, tmp_path, command, name
):
    path = MAKERS[name](tmp_path / name)
    output = ["-o", tmp_path / "a.png"] if command == "explain" else []
    outcome = run(command, path, *output)
    scheme = "zip" if name == "a.zip" else "tar"
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        f"perceiver: {path}: is an archive; give one of its files as {scheme}://FILE::{path}\n"
    )


def test_a_folder_tells_of_the_archives_that_it_passes_over(run, bundle, media, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("words\n")
    make_tar(folder / "a.tgz", {"photo.jpg": media["image"].read_bytes()}, "w:gz")
    outcome = run("classify", folder, "--format", "labels")
    assert "passed over 2 files that are not media (1 archive; use --archives to include them)" in (
        outcome.stderr
    )
    outcome = run("classify", folder, "--archives", "--format", "labels")
    assert "passed over 1 file that is not media\n" in outcome.stderr


def test_the_command_gives_the_records_of_the_files(run, bundle, media, tmp_path):
    content = {path.name: path.read_bytes() for path in media.values()} | {"notes.txt": b"words\n"}
    make_tar(tmp_path / "a.tgz", content, "w:gz")
    outcome = run("classify", tmp_path / "a.tgz", "--format", "jsonl")
    assert outcome.exit_code == 0, outcome.stderr
    assert "passed over 1 file" in outcome.stderr
    packed = [json.loads(line) for line in outcome.stdout.splitlines()]
    plain = [json.loads(line) for line in run(
        "classify", *media.values(), "--format", "jsonl").stdout.splitlines()]  # fmt: skip
    assert [p["path"] for p in packed] == [f"tar://{n}::{tmp_path}/a.tgz" for n in content][:-1]
    for a, b in zip(packed, plain, strict=True):
        for record in (a, b):
            record.pop("path"), record.pop("seconds")
        assert a == b
    again = run("inspect", packed and f"tar://photo.jpg::{tmp_path}/a.tgz")
    assert again.exit_code == 0
