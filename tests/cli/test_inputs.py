import errno
import io
import os
import socket
import sys
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inputs.filters import FileFilter, parse_shard
from perceiver_cli.inputs.paths import find_inputs
from perceiver_cli.media.source import Source


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """b.jpg, a.jpg, .hidden.jpg, sub/c.jpg, sub/.git/d.jpg, and a link from sub to the top."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "top" / "sub" / ".git").mkdir(parents=True)
    for name in ("b.jpg", "a.jpg", ".hidden.jpg", "sub/c.jpg", "sub/.git/d.jpg"):
        (tmp_path / "top" / name).write_bytes(b"x")
    (tmp_path / "top" / "sub" / "loop").symlink_to("..")
    (tmp_path / "top" / "z").symlink_to("sub")
    return tmp_path / "top"


@pytest.fixture
def stdin(monkeypatch):
    def feed(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return feed


def found(*paths: str, **options) -> list[tuple[str, bool]]:
    listed = {name: options.pop(name) for name in ("files_from", "null") if name in options}
    inputs = find_inputs(paths, file_filter=FileFilter(**options), **listed)
    return [(i.source.path, i.named) for i in inputs]


def test_a_folder_means_its_files_sorted_without_the_hidden(tree):
    assert found("top") == [("top/a.jpg", False), ("top/b.jpg", False)]


def test_recursive_enters_each_folder_once_whatever_the_links(tree):
    paths = [path for path, _ in found("top", recursive=True)]
    assert paths == ["top/a.jpg", "top/b.jpg", "top/sub/c.jpg"]


def test_a_file_is_named_even_if_it_is_hidden_or_missing(tree):
    assert found("top/.hidden.jpg", "nowhere.jpg") == [
        ("top/.hidden.jpg", True),
        ("nowhere.jpg", True),
    ]


def test_patterns_are_expanded_unless_a_file_has_that_very_name(tree):
    assert found("top/*.jpg") == [("top/a.jpg", True), ("top/b.jpg", True)]
    Path("top/[a].jpg").write_bytes(b"x")
    assert found("top/[a].jpg") == [("top/[a].jpg", True)]
    ((missing, named, _),) = find_inputs(["top/*.png"])
    assert (missing.path, named) == ("top/*.png", True)
    with pytest.raises(InputError, match="no file matches this pattern"):
        missing.open()
    assert found("top/*.png", shard=(1, 2)) + found("top/*.png", shard=(2, 2)) == [
        ("top/*.png", True)
    ]


def test_a_pattern_of_all_depths_does_not_follow_links_in_circles(tree):
    assert [path for path, _ in found("top/**/*.jpg")] == [
        "top/a.jpg",
        "top/b.jpg",
        "top/sub/c.jpg",
    ]


def test_a_dash_is_one_file_on_standard_input(stdin):
    stdin(b"content")
    (given,) = find_inputs(["-"])
    assert given.source.open().read() == b"content"
    assert given.named


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_list_has_one_name_a_line(tree, tmp_path, end):
    Path("list").write_bytes(end.join([b"top/a.jpg", b"", b"top", b"x y.jpg"]))
    assert found(files_from="list") == [
        ("top/a.jpg", True),
        ("top/a.jpg", False),
        ("top/b.jpg", False),
        ("x y.jpg", True),
    ]


def test_a_list_separated_by_null_bytes_may_hold_any_name(stdin):
    names = [b"a\nb.jpg", b"caf\xe9.jpg", b"x" * 70000]
    stdin(b"\0".join(names) + b"\0")
    assert [os.fsencode(path) for path, _ in found(files_from="-", null=True)] == names


def test_a_list_is_read_as_it_comes(monkeypatch):
    reader, writer = os.pipe()
    monkeypatch.setattr(sys, "stdin", os.fdopen(reader))
    os.write(writer, b"first.jpg\0")
    inputs = find_inputs([], files_from="-", null=True)
    assert next(inputs).source.path == "first.jpg"
    os.close(writer)
    assert list(inputs) == []


def test_the_pipe_of_a_command_is_read_once():
    reader, writer = os.pipe()
    os.write(writer, b"content")
    os.close(writer)
    (given,) = find_inputs([f"/dev/fd/{reader}"])
    os.close(reader)
    assert [given.source.open().read() for _ in range(2)] == [b"content"] * 2


def test_a_pipe_without_a_writer_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (given,) = find_inputs([str(tmp_path / "pipe")])
    with pytest.raises(InputError, match="is a pipe, not a file; perceiver classify - < PIPE"):
        given.source.open()


def names(*paths: str, **options) -> list[str]:
    return [path.removeprefix("top/") for path, _ in found(*paths, **options)]


def test_hidden_files_and_folders_are_taken_when_asked_for(tree):
    assert names("top", hidden=True) == [".hidden.jpg", "a.jpg", "b.jpg"]
    everything = [".hidden.jpg", "a.jpg", "b.jpg", "sub/c.jpg", "sub/.git/d.jpg"]
    assert names("top", hidden=True, recursive=True) == everything
    assert names("top/.hidden.jpg", "top/sub/.git") == [".hidden.jpg", "sub/.git/d.jpg"]


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"include": ("a*",)}, ["a.jpg"]),
        ({"include": ("a*", "sub/*")}, ["a.jpg", "sub/c.jpg"]),
        ({"include": ("*.png",)}, []),
        ({"exclude": ("a*",)}, ["b.jpg", "sub/c.jpg"]),
        ({"exclude": ("sub",)}, ["a.jpg", "b.jpg"]),
        ({"exclude": ("sub/",)}, ["a.jpg", "b.jpg"]),
        ({"exclude": ("sub/c.*",)}, ["a.jpg", "b.jpg"]),
        ({"include": ("*.jpg",), "exclude": ("b.jpg",)}, ["a.jpg", "sub/c.jpg"]),
    ],
)
def test_patterns_choose_among_what_folders_hold(tree, options, taken):
    (tree / "z").unlink()
    assert names("top", recursive=True, **options) == taken
    assert names("top/b.jpg", **options) == ["b.jpg"]


def test_shards_share_everything_out_whatever_else_there_is(tree):
    for number in range(40):
        (tree / f"{number}.png").write_bytes(b"x")
    everything = names("top", "top/a.jpg", recursive=True)
    shards = [names("top", "top/a.jpg", recursive=True, shard=(n, 3)) for n in (1, 2, 3)]
    assert sorted(chain(*shards)) == sorted(everything)
    assert all(shards)
    (tree / "new.png").write_bytes(b"x")
    for number, shard in enumerate(shards, 1):
        now = names("top", "top/a.jpg", recursive=True, shard=(number, 3))
        assert [name for name in now if name != "new.png"] == shard


def test_a_shard_of_a_small_folder_is_as_large_as_chance_has_it():
    half = FileFilter(shard=(1, 2))
    taken = [
        sum(half.in_shard(f"folder {folder}/IMG_{number}.jpg") for number in range(1, 7))
        for folder in range(1000)
    ]
    # Of 1,000 folders of 6, a fair coin takes 0, 1, ... 6 of so many.
    for number, expected in enumerate((16, 94, 234, 313, 234, 94, 16)):
        assert abs(taken.count(number) - expected) < 4 * expected**0.5


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4"])
def test_shards_that_make_no_sense(text):
    with pytest.raises(UsageError, match="1/4"):
        parse_shard(text)


def test_what_is_no_file_is_refused_with_the_reason(tree):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("socket")
        os.mkfifo("pipe")
        for path, kind in {
            "socket": "socket", "pipe": "pipe", "top": "folder", "/dev/zero": "device",
        }.items():  # fmt: skip
            with pytest.raises(InputError, match=f"is a {kind}, not a file") as caught:
                Source(path).open()
            assert caught.value.kind == "unreadable"
    assert names("/dev/zero") == ["/dev/zero"]


def test_broken_links_do_not_end_a_walk(tree):
    (tree / "here").symlink_to("here")
    (tree / "gone.jpg").symlink_to("nowhere.jpg")
    reasons = {
        "here": "is a link that leads back to itself",
        "gone.jpg": "is a link to a file that does not exist",
    }
    for name, reason in reasons.items():
        with pytest.raises(InputError) as caught:
            Source(f"top/{name}").open()
        assert (caught.value.kind, caught.value.message) == ("unreadable", reason)
    assert names("top", recursive=True) == ["a.jpg", "b.jpg", "gone.jpg", "here", "sub/c.jpg"]
    assert names("top", include=("*.jpg",)) == ["a.jpg", "b.jpg", "gone.jpg"]


class Locked:
    """An entry of a folder: a link into another folder, which its user may not look into."""

    def __init__(self, path: str) -> None:
        self.path, self.name = path, os.path.basename(path)

    def is_dir(self) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")


def test_what_may_not_be_read_ends_no_walk(tree, monkeypatch):
    scandir = os.scandir

    @contextmanager
    def scan(path):
        if os.path.samefile(path, "top/sub"):
            raise PermissionError(errno.EACCES, "Permission denied")
        with scandir(path) as entries:
            yield [*entries, Locked(os.path.join(path, "link.jpg"))]

    monkeypatch.setattr(os, "scandir", scan)
    assert names("top", recursive=True) == ["a.jpg", "b.jpg", "link.jpg", "sub"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_a_folder_without_permission_says_so(tree):
    (tree / "sub").chmod(0)
    with pytest.raises(InputError, match="no permission to read it"):
        Source("top/sub").open()


def test_a_name_that_no_system_can_have(tree):
    with pytest.raises(InputError, match="cannot be opened"):
        Source("a\0b").open()


@pytest.mark.parametrize(
    ("paths", "options"),
    [
        ([], {}),
        (["a.jpg"], {"null": True}),
        (["-", "-"], {}),
        (["-"], {"files_from": "-"}),
        ([], {"files_from": "no/such/list"}),
    ],
)
def test_calls_that_make_no_sense_fail_at_once(paths, options):
    with pytest.raises(UsageError):
        find_inputs(paths, **options)
