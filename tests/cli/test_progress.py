"""The progress bar of a run, and the count of its inputs."""

import sys
import threading

import pytest

from perceiver_cli.cli import app
from perceiver_cli.cli.input_count import counting
from perceiver_cli.cli.selection import Selection
from perceiver_cli.inputs.filters import FileFilter
from tests.samples import make_picture


class ShownBar:
    """A bar on a terminal, which somebody waits for."""

    shown = True

    def __init__(self) -> None:
        self.total: int | None = None
        self.told = threading.Event()

    def set_total(self, total: int) -> None:
        self.total = total
        self.told.set()


def selection_of(*paths) -> Selection:
    return Selection([str(path) for path in paths], None, False, FileFilter(recursive=True))


@pytest.fixture
def tree(tmp_path):
    """Twelve pictures in three folders."""
    for number in range(12):
        folder = tmp_path / "tree" / str(number % 3)
        folder.mkdir(parents=True, exist_ok=True)
        make_picture(folder / f"{number}.png")
    return tmp_path / "tree"


def test_inputs_are_counted_in_the_meantime(tree):
    bar = ShownBar()
    with counting(selection_of(tree, tree / "0" / "0.png"), bar):
        assert bar.told.wait(60)
    assert bar.total == 13


@pytest.mark.parametrize("name", ["-", "s3://bucket/", "a.tar", "/dev/fd/0"])
def test_what_listing_would_read_is_not_counted(tree, name):
    assert selection_of(tree).listable
    assert not selection_of(tree, name).listable


def test_an_archive_that_a_pattern_matches_is_not_counted(tree):
    (tree / "b.zip").touch()
    bar = ShownBar()
    before = set(threading.enumerate())
    with counting(selection_of(str(tree / "*")), bar):
        for thread in set(threading.enumerate()) - before:
            thread.join(60)
    assert bar.total is None


def test_results_do_not_wait_until_all_inputs_are_listed(bundle, tmp_path, monkeypatch, capsys):
    """On a terminal, too: a run that ends at its first input has listed few of the others."""
    make_picture(tmp_path / "0.png")
    for number in range(1, 1000):
        (tmp_path / f"{number}.png").hardlink_to(tmp_path / "0.png")
    listed, find = [], Selection.find

    def find_and_note(self, *, open_archives=True):
        for each in find(self, open_archives=open_archives):
            if open_archives:  # else they are counted
                listed.append(each)
            yield each

    monkeypatch.setattr(Selection, "find", find_and_note)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys, "argv", ["perceiver"])
    call = ["classify", "none.png", str(tmp_path), "--fail-fast", "--batch-size", "1", "--jsonl"]
    with pytest.raises(SystemExit):
        app(call)
    assert "none.png" in capsys.readouterr().err
    assert 1 <= len(listed) < 500
