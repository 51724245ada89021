"""Sounds whose sample rate or number of channels changes midway keep their pitch and length."""

import io

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec
from tests import samples

SPEC = SoundSpec(16000, 10.0, 3)


def tone(codec: str, container: str, rate: int, layout: str) -> bytes:
    """Two seconds of 1000 hertz."""
    import av

    buffer = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"} if container == "mp3" else {}
    with av.open(buffer, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 96_000
        step = stream.codec_context.frame_size or 1024
        samples = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate // step * step) / rate)
        for begin in range(0, len(samples), step):
            part = np.tile(samples[begin : begin + step], (stream.codec_context.channels, 1))
            frame = av.AudioFrame.from_ndarray(part.astype(np.float32), "fltp", layout)
            frame.sample_rate, frame.pts = rate, begin
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("codec", "container"), [("aac", "adts"), ("libmp3lame", "mp3"), ("ac3", "ac3")]
)
@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param((44100, "mono"), (32000, "mono"), id="slower"),
        pytest.param((32000, "mono"), (48000, "mono"), id="faster"),
        pytest.param((44100, "mono"), (44100, "stereo"), id="more channels"),
        pytest.param((44100, "stereo"), (32000, "mono"), id="both"),
    ],
)
def test_two_recordings_in_one_file(codec, container, first, then):
    content = tone(codec, container, *first) + tone(codec, container, *then)
    source = Source("a", content)
    detection = detect(source)
    assert detection.modality == "audio"
    sound = load_sound(source, detection.format, SPEC)
    assert (sound.file_rate, sound.notes) == (first[0], ())
    assert sound.duration_s == pytest.approx(4, abs=0.2)
    window = sound.windows[0].samples
    for begin in range(4000, 60_000, 8000):
        assert samples.pitch(window[begin : begin + 4000], 16000) == pytest.approx(1000, abs=5)
