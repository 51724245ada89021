"""Films of absurd frame rates and timestamps, or of thousands of streams."""

import struct

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.boxes import boxes
from perceiver_cli.media.codecs import is_encrypted
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

SPEC = VideoSpec(frames=5, window_s=5.0, max_windows=3, short_side=64, sound_rate=None)


def is_the_whole_film(video) -> bool:
    """Whether the frames are the first, the last and those between."""
    (window,) = video.windows
    grey = window.frames[:, 5:-5, -12:-4].mean((1, 2, 3))
    expected = [samples.grey_at(time) for time in np.linspace(0, 1.96, 5)]
    return bool((np.abs(grey - expected) < 14).all())


@pytest.mark.parametrize(
    ("scale", "rate", "duration"),
    [
        (0, 25, 2),
        (1, 0, 2),
        (2**31 - 1, 1, 2),
        (1, 2**32 - 1, 49 / 90_000 + 0.04),  # FFmpeg takes 90,000 frames a second of it
    ],
)
def test_frame_rates_of_avi(tmp_path, scale, rate, duration):
    path = samples.make_av(tmp_path / "a.avi", 2, pictures="mpeg4", sound=None)
    content = bytearray(path.read_bytes())
    struct.pack_into("<II", content, content.index(b"strh") + 28, scale, rate)
    video = load_video(Source("a.avi", bytes(content)), "avi", SPEC)
    assert is_the_whole_film(video)
    assert video.duration_s == pytest.approx(duration, abs=0.01)
    assert (np.diff(video.windows[0].times_s) > 0).all()


@pytest.mark.parametrize("rate", ["25:1", "0:0", "25:0", "2000000000:1", "1:2000000000"])
def test_frame_rates_of_raw_frames(rate):
    frames = b"".join(
        b"FRAME\n" + bytes([samples.grey_at(i / 25)]) * (96 * 64) + b"\x80" * (48 * 64)
        for i in range(50)
    )
    head = f"YUV4MPEG2 W96 H64 F{rate} Ip C420jpeg XCOLORRANGE=FULL\n".encode()
    video = load_video(Source("a.y4m", head + frames), "y4m", SPEC)
    assert is_the_whole_film(video)
    assert video.duration_s == pytest.approx(2)
    assert video.fps == (25 if rate in ("25:1", "0:0", "25:0") else None)


def test_a_clock_that_ticks_in_nanoseconds(tmp_path):
    content = samples.make_av(tmp_path / "a.mkv", 2, sound=None).read_bytes()
    scale = b"\x2a\xd7\xb1\x83\x0f\x42\x40"  # a million nanoseconds
    assert scale in content
    content = content.replace(scale, b"\x2a\xd7\xb1\x83\0\0\1")
    assert is_the_whole_film(load_video(Source("a.mkv", content), "mkv", SPEC))


def film_of_many_tracks(tmp_path, number: int) -> Source:
    content = samples.make_av(tmp_path / "a.mp4", 1).read_bytes()
    at = content.rindex(b"moov") - 4
    parts = list(boxes(content[at + 8 :]))
    tracks = [body for kind, body in parts if kind == b"trak"]
    movie = [box(kind, body) for kind, body in parts if kind == b"mvhd"]
    for index in range(number):
        track = tracks[index % len(tracks)]
        place = track.index(b"tkhd") + 16
        numbered = track[:place] + struct.pack(">I", index + 1) + track[place + 4 :]
        movie.append(box(b"trak", numbered))
    return Source("a.mp4", content[:at] + box(b"moov", b"".join(movie)))


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_a_hundred_tracks(tmp_path):
    source = film_of_many_tracks(tmp_path, 100)
    assert detect(source).modality == "av"
    assert load_video(source, "mp4", SPEC).duration_s == pytest.approx(1, abs=0.1)


def test_two_thousand_tracks_are_too_many(tmp_path):
    with pytest.raises(InputError, match="more than 1,000 streams") as caught:
        detect(film_of_many_tracks(tmp_path, 2000))
    assert caught.value.kind == "too_large"


def test_encryption_is_looked_for_in_headers_alone(tmp_path):
    content = film_of_many_tracks(tmp_path, 100).data
    read = []

    class CountingSource(Source):
        def open(self):
            stream = super().open()
            inner = stream.read

            class Counting:
                seek = staticmethod(stream.seek)

                def read(self, size):
                    read.append(size)
                    return inner(size)

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    stream.close()

            return Counting()

    assert not is_encrypted(CountingSource("a.mp4", content), "mp4", "sound")
    assert sum(read) < 1000 < len(content)
