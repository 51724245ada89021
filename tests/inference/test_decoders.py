"""Decoders: what they do with remote inputs, and after their run has ended."""

from dataclasses import dataclass, replace

import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.decoders import FetchingDecoder, InProcessDecoder
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.media.source import Source


@dataclass(frozen=True)
class Remote(Source):
    """A source that is fetched from `content`, which may be what goes wrong."""

    content: bytes | InputError = b""
    differs: bool = False

    def fetched(self):
        if isinstance(self.content, InputError):
            raise self.content
        return replace(self, data=self.content)

    def changed(self):
        return self.differs


@pytest.fixture
def decoder(weights):
    made = FetchingDecoder(InProcessDecoder(Preparer(weights)), 1)
    yield made
    made.close()


def test_a_fetched_input_is_prepared_and_its_content_let_go(decoder, media):
    source = Remote("far/photo.jpg", content=media["image"].read_bytes())
    item = decoder.prepare(source)
    assert isinstance(item, PreparedItem)
    assert item.source is source
    assert item.source.data is None


def test_what_cannot_be_fetched_fails_with_its_reason(decoder):
    error = InputError("unreadable", "no answer")
    source = Remote("far/photo.jpg", content=error)
    assert decoder.prepare(source) == FailedItem(source, error)


def test_what_changes_while_it_is_read_fails(decoder, media):
    source = Remote("far/photo.jpg", content=media["image"].read_bytes(), differs=True)
    item = decoder.prepare(source)
    assert isinstance(item, FailedItem)
    assert (item.source, item.error.kind) == (source, "unreadable")
    assert "changed" in item.error.message


def test_nothing_is_decoded_after_the_end_of_the_run(decoder, media):
    decoder.close()
    item = decoder.prepare(Source(str(media["image"])))
    assert isinstance(item, FailedItem)
    assert item.error.message == "was not read because the run ended"
