import io
import os
import sys
from pathlib import Path

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.inputs import find_inputs


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
    return [(i.source.path, i.named) for i in find_inputs(paths, **options)]


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
    assert found("top/*.png") == [("top/*.png", True)]


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


def test_a_pipe_is_read_once(tmp_path):
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(b"content")).start()
    (given,) = find_inputs([str(pipe)])
    assert [given.source.open().read() for _ in range(2)] == [b"content"] * 2


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
