"""Codecs that cannot be decoded are named."""

import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec, VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

SOUND = SoundSpec(16000, 2.0, 3)
VIDEO = VideoSpec(2, 2.0, 1, 32, 16000)


def film(tmp_path, name: str, *changes: tuple[bytes, bytes], **options) -> Source:
    """A film with other names for its codecs."""
    content = samples.make_av(tmp_path / name, 1, **options).read_bytes()
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    return Source(name, content)


UNKNOWN_PICTURES = [
    ("a.mp4", {}, (b"avc1", b"zzzz"), "codec zzzz"),
    ("a.mov", {}, (b"avc1", b"zzzz"), "codec zzzz"),
    ("a.mkv", {}, (b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/ZZZ"), "codec V_MPEG4/ISO/ZZZ"),
    ("a.avi", {"pictures": "mpeg4", "sound": "libmp3lame"}, (b"FMP4", b"ZZZZ"), "codec ZZZZ"),
    ("b.mp4", {}, (b"avc1", b"encv"), "encrypted"),
]


@pytest.mark.parametrize(("name", "options", "change", "says"), UNKNOWN_PICTURES)
def test_pictures_of_an_unknown_codec(tmp_path, name, options, change, says):
    source = film(tmp_path, name, change, **options)
    detection = detect(source)
    assert detection.modality == "audio"
    assert f"its pictures cannot be decoded ({says})" in detection.reason
    assert "only" not in detection.reason
    sound = load_sound(source, detection.format, SOUND)
    assert sound.notes == (f"its pictures cannot be decoded ({says})",)
    assert samples.pitch(sound.windows[0].samples, 16000) == pytest.approx(250, abs=50)


def test_sound_of_an_unknown_codec(tmp_path):
    source = film(tmp_path, "a.mp4", (b"alac", b"zzzz"), sound="alac")
    detection = detect(source)
    assert detection.modality == "video"
    assert "its sound cannot be decoded (codec zzzz)" in detection.reason
    assert load_video(source, "mp4", VIDEO).notes == ("its sound cannot be decoded (codec zzzz)",)


@pytest.mark.parametrize("sound", ["alac", None])
def test_neither_can_be_decoded(tmp_path, sound):
    changes = [(b"avc1", b"zzzz")] + ([(b"alac", b"yyyy")] if sound else [])
    with pytest.raises(InputError) as caught:
        detect(film(tmp_path, "a.mp4", *changes, sound=sound))
    assert caught.value.kind == "unsupported"
    assert "codec zzzz" in caught.value.message


def test_known_codecs_give_no_notes(tmp_path):
    source = film(tmp_path, "a.mp4")
    assert load_video(source, "mp4", VIDEO).notes == ()
    only_sound = film(tmp_path, "b.mp4", pictures=None)
    assert load_sound(only_sound, "mp4", SOUND).notes == ()
    cover = film(tmp_path, "c.mp4", pictures=None, cover=True)
    assert detect(cover).modality == "audio"
    assert load_sound(cover, "mp4", SOUND).notes == ()
