"""Videos with wrong headers give the right result or one clear error, with little memory."""

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media import video as video_module
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

SPEC = VideoSpec(frames=5, window_s=5.0, max_windows=3, short_side=32, sound_rate=16000)
KEY = "00112233445566778899aabbccddeeff"
ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": KEY,
    "encryption_kid": KEY,
}


def patched(content: bytes, box: bytes, offset: int, value: bytes) -> bytes:
    """Replaces bytes in every box of a type, at an offset from its type."""
    at = content.find(box, content.find(b"moov"))
    assert at >= 0
    while at >= 0:
        content = content[: at + offset] + value + content[at + offset + len(value) :]
        at = content.find(box, at + 4)
    return content


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return samples.make_av(tmp_path_factory.mktemp("film") / "a.mp4", 2).read_bytes()


@pytest.mark.parametrize(
    ("box", "offset", "value"),
    [
        pytest.param(b"mdhd", 20, b"\x7f\xff\xff\xff", id="length of a track"),
        pytest.param(b"mvhd", 20, b"\x7f\xff\xff\xff", id="length of the film"),
        pytest.param(b"mdhd", 20, bytes(4), id="no length"),
        pytest.param(b"stts", 12, b"\x7f\xff\xff\xff", id="length of a frame"),
    ],
)
def test_what_the_header_claims_is_not_believed(film, box, offset, value):
    source = Source("a.mp4", patched(film, box, offset, value))
    assert detect(source).modality == "av"
    video = load_video(source, "mp4", SPEC)
    assert (video.width, video.height) == (96, 64)
    assert video.duration_s == pytest.approx(2, abs=0.1)
    grey = video.windows[0].frames[:, 5:-5, -12:-4].mean((1, 2, 3))
    expected = [samples.grey_at(time) for time in video.windows[0].times_s]
    assert grey == pytest.approx(expected, abs=6)


@pytest.mark.parametrize(
    ("box", "offset", "value"), [(b"mdhd", 16, bytes(4)), (b"stts", 12, bytes(4))]
)
def test_without_times_there_are_frames(film, box, offset, value):
    video = load_video(Source("a.mp4", patched(film, box, offset, value)), "mp4", SPEC)
    assert video.duration_s > 0
    assert all(len(window.frames) == 5 for window in video.windows)


def test_more_frames_than_bytes_is_corrupt(film):
    with pytest.raises(InputError) as caught:
        detect(Source("a.mp4", patched(film, b"stsz", 12, b"\x7f\xff\xff\xff")))
    assert caught.value.kind == "corrupt"


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_jump_of_ten_hours(tmp_path, ending):
    times = [0, 40, 80, 120, 36_000_000, 36_000_040]
    path = samples.make_av(tmp_path / f"a.{ending}", times_ms=times, sound=None)
    video = load_video(Source(str(path)), ending, SPEC)
    assert video.duration_s == pytest.approx(36_000, abs=1)
    assert 1 <= len(video.windows) <= 3


def test_encrypted_films_are_named(tmp_path):
    path = samples.make_av(tmp_path / "a.mp4", 1, options=ENCRYPTION)
    with pytest.raises(InputError) as caught:
        detect(Source(str(path)))
    assert caught.value.kind == "unsupported"
    assert "encrypted" in caught.value.message
    sound = samples.make_av(tmp_path / "b.mp4", 1, pictures=None, format="mp4", options=ENCRYPTION)
    with pytest.raises(InputError, match="encrypted"):
        detect(Source(str(sound)))


class _Stream:
    """As much of a stream as its limit depends on."""

    def __init__(self, codec: str, pixels: str) -> None:
        import av

        self.codec_context = self
        self.name = codec
        self.format = av.VideoFormat(pixels, 3840, 2160)


@pytest.mark.parametrize(
    ("codec", "pixels", "share"),
    [
        ("h264", "yuv420p", 0.9),
        ("h264", "yuv420p10le", 0.45),
        ("hevc", "yuv420p10le", 1.0),
        ("hevc", "yuv444p10le", 0.54),
        ("ffv1", "rgb24", 1.0),
    ],
)
def test_deep_frames_may_be_less_large(codec, pixels, share):
    most = video_module.max_frame_pixels(_Stream(codec, pixels))
    assert most == pytest.approx(share * 40_000_000, rel=0.02)
    assert most >= np.prod((3840, 2160))


def test_damaged_fragments_are_no_lack_of_memory(tmp_path):
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    content = samples.make_av(tmp_path / "a.mp4", 2, options=options).read_bytes()
    kinds = set()
    for at in range(content.index(b"moof"), content.index(b"moof") + 1400, 50):
        source = Source("a.mp4", content[:at] + content[at + 16 :])
        try:
            load_video(source, detect(source).format, SPEC)
        except InputError as error:
            kinds.add(error.kind)
    assert kinds == {"corrupt"}


def test_a_film_truncated_within_its_index_is_corrupt(tmp_path):
    options = {"movflags": "frag_keyframe+empty_moov"}
    content = samples.make_av(tmp_path / "a.mp4", 0.4, sound=None, options=options).read_bytes()
    with pytest.raises(InputError) as caught:
        detect(Source("a.mp4", content[: content.index(b"stsd")]))
    assert caught.value.kind == "corrupt"
    assert "cut off" in caught.value.message
