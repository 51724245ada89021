"""Folders of parts, on disk and in a bucket: what is refused."""

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.report.done import DoneIndex
from perceiver_cli.report.parts.folder import MANIFEST, PartFolder
from perceiver_cli.report.parts.store import store_at

ROW = {"path": "a.jpg", "status": "ok", "error": None, "modality": "image", "file": None}


@pytest.fixture(params=["disk", "bucket"])
def folder(request, tmp_path) -> PartFolder:
    """An empty folder, not prepared."""
    if request.param == "disk":
        yield PartFolder(store_at(str(tmp_path / "out")), "jsonl")
        return
    fsspec = pytest.importorskip("fsspec")
    yield PartFolder(store_at("memory://labels/out"), "jsonl")
    fsspec.filesystem("memory").rm("/labels", recursive=True)


def test_a_damaged_manifest_is_refused(folder):
    folder.prepare("f")
    folder.store.write(MANIFEST, b"{")
    with pytest.raises(UsageError, match="is damaged"):
        folder.prepare("f")


def test_other_files_are_refused(folder):
    folder.store.create()
    folder.store.write("letter.txt", b"dear")
    with pytest.raises(UsageError, match="contains other files"):
        folder.prepare("f")


def test_a_part_that_cannot_be_read_is_named(folder):
    folder.prepare("f")
    folder.write("1", [ROW])
    folder.store.write("part-2.jsonl", b"{\n")
    with pytest.raises(UsageError, match=r"part-2\.jsonl: cannot be read"):
        folder.read_done(DoneIndex())


def test_the_newest_of_several_rows_stays(folder):
    folder.prepare("f")
    folder.write("1", [ROW, ROW | {"path": "b.jpg"}])
    folder.write("2", [ROW])
    index = DoneIndex()
    assert folder.read_done(index)
    assert len(index) == 2
    folder.drop_replaced()
    with folder.store.open("part-1.jsonl") as stream:
        assert stream.read().count(b"a.jpg") == 0
    assert not folder.read_done(DoneIndex())
    folder.write("3", [ROW])
    folder.drop_replaced()
    assert folder.parts() == ["part-1.jsonl", "part-3.jsonl"]
