"""From a source to an item."""

from perceiver_cli.inference.decoding import preparer
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.media.types import Source


def test_a_named_models_header_is_read_once(weights, media, monkeypatch):
    read = []

    def read_header(path):
        read.append(path)
        return real(path)

    real = preparer.read_header
    monkeypatch.setattr(preparer, "read_header", read_header)
    made = preparer.Preparer(weights["image"])
    for _ in range(3):
        assert isinstance(made.prepare(Source(str(media["image"]))), PreparedItem)
        assert isinstance(made.prepare(Source(str(media["audio"]))), FailedItem)
    assert read == [weights["image"]]
