"""Decoders: what they do with remote inputs, and after their run has ended."""

import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding import decoders
from perceiver_cli.inference.decoding.decoders import FetchingDecoder, InProcessDecoder
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inputs import archives
from perceiver_cli.inputs.filters import FileFilter
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


class Counting:
    """A decoder that counts how many members are unpacked and not yet decoded."""

    def __init__(self, decoder, most: int) -> None:
        self.decoder, self.most = decoder, most
        self.held = self.highest = 0
        self.exceeded, self.waited = threading.Event(), False
        self.lock = threading.Lock()

    def unpacked(self, source):
        with self.lock:
            self.held += 1
            self.highest = max(self.held, self.highest)
            if self.held > self.most:
                self.exceeded.set()
        return source

    def prepare(self, source):
        # The first one gives the other threads time to unpack too many.
        if not self.waited:
            self.waited = True
            self.exceeded.wait(1.0)
        item = self.decoder.prepare(source)
        with self.lock:
            self.held -= 1
        return item


@pytest.mark.parametrize(("room", "most"), [(2.5, 2), (0.5, 1)])
def test_members_of_archives_are_unpacked_only_as_far_as_there_is_room(
    weights, media, tmp_path, monkeypatch, room, most
):
    content = media["audio"].read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(6):
            packed.writestr(f"{number}.wav", content)
    monkeypatch.setattr(archives, "HELD_BYTES", len(content) - 1)
    monkeypatch.setattr(decoders, "HELD_BYTES", room * len(content))
    counting = Counting(InProcessDecoder(Preparer(weights)), most)
    unpack = archives._unpacked
    sources = list(archives.members(Source(str(tmp_path / "a.zip")), "zip", FileFilter()))
    monkeypatch.setattr(archives, "_unpacked", lambda *args: counting.unpacked(unpack(*args)))
    decoder = FetchingDecoder(counting, 1)
    with ThreadPoolExecutor(6) as threads:
        items = list(threads.map(decoder.prepare, sources))
    assert [type(item) for item in items] == [PreparedItem] * 6
    assert 0 < counting.highest <= most
    assert counting.held == 0
