"""The inputs that are done."""

from perceiver_cli.media.source import Source
from perceiver_cli.report.done import DoneIndex, Entry


class Unexamined(Source):
    """A source whose file must not be examined."""

    def identity(self):
        raise AssertionError


def test_an_entry_is_valid_until_its_file_changes(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    source, index = Source(str(path)), DoneIndex()
    entry = Entry(ok=True, file=source.identity())
    index.add(str(path), entry)
    assert index.valid(source) is entry
    path.write_bytes(b"12")
    assert index.valid(source) is None


def test_a_file_without_an_entry_is_not_examined():
    assert DoneIndex().valid(Unexamined("a.jpg")) is None
