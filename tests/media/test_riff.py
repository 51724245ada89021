"""WAV files whose chunks of odd sizes lack the byte after them."""

import struct

import numpy as np
import pytest
import soundfile

from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.riff import riff_chunks, wave_layout, with_padding
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec
from tests import samples

INFO = b"INFOISFT\x05\0\0\0Lavf1"


def chunk(name: bytes, content: bytes, padded: bool = False) -> bytes:
    pad = b"\0" if padded and len(content) % 2 else b""
    return name + struct.pack("<I", len(content)) + content + pad


def wave(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


@pytest.fixture
def parts(tmp_path) -> tuple[bytes, bytes]:
    """The format chunk and the samples of two seconds."""
    path = samples.make_sound(tmp_path / "whole.wav", 2.0, 16000)
    content = path.read_bytes()
    return content[12:36], content[44:]


@pytest.mark.parametrize(
    "order",
    [
        [("fmt ", False), ("bext", False), ("data", False)],
        [("fmt ", False), ("LIST", False), ("data", False)],
        [("LIST", False), ("fmt ", False), ("bext", True), ("LIST", False), ("data", False)],
        [("fmt ", False), ("bext", True), ("data", False), ("LIST", False)],
    ],
)
def test_the_byte_may_be_missing(parts, order):
    head, data = parts
    made = {
        "fmt ": lambda padded: head,
        "bext": lambda padded: chunk(b"bext", b"x" * 333, padded),
        "LIST": lambda padded: chunk(b"LIST", INFO, padded),
        "data": lambda padded: chunk(b"data", data),
    }
    content = wave(*(made[name](padded) for name, padded in order))
    sound = load_sound(Source("a.wav", content), "wav", SoundSpec(16000, 5.0, 1))
    assert sound.duration_s == 2.0
    assert sound.notes == ()
    expected = np.frombuffer(data, "<i2") / 2**15
    assert np.array_equal(sound.windows[0].samples, expected.astype(np.float32))


def test_a_file_that_has_them_is_read_as_it_is(parts):
    head, data = parts
    content = wave(head, chunk(b"LIST", INFO, padded=True), chunk(b"data", data))
    source = Source("a.wav", content)
    assert with_padding(source, wave_layout(source)) is source
    with source.open() as stream:
        found = [(each.name, each.size, each.padded) for each in riff_chunks(stream)]
    assert found == [(b"fmt ", 16, True), (b"LIST", 17, True), (b"data", 64_000, True)]


def test_one_byte_of_sound_at_the_end(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(8001, 0.5), 8000, subtype="PCM_U8")
    content = path.read_bytes()[: 44 + 8001]
    sound = load_sound(Source("a.wav", content), "wav", SoundSpec(8000, 5.0, 1))
    assert len(sound.windows[0].samples) == 8001
    assert sound.notes == ()
