"""Sounds and films that are cut off or damaged have a note, so that --strict refuses them."""

import json
import random
import re
import struct
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.cut_off import cut_off_note
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec, VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

SOUND = SoundSpec(rate=16000, window_s=2.0, max_windows=4)
FILM = VideoSpec(frames=8, window_s=2.0, max_windows=4, short_side=32, sound_rate=16000)

PICTURES_DAMAGED = "parts of its pictures are damaged"
SOUND_DAMAGED = "parts of its sound are damaged"


def notes(content: bytes, name: str, film: VideoSpec = FILM) -> tuple[str, ...]:
    source = Source(name, content)
    detection = detect(source)
    if detection.modality == "audio":
        return load_sound(source, detection.format, SOUND).notes
    return load_video(source, detection.format, film).notes


def with_zeros(content: bytes, length: int = 4000) -> bytes:
    """The middle of a file lost, as by a bad sector."""
    middle = len(content) // 2
    return content[:middle] + bytes(length) + content[middle + length :]


def with_noise(content: bytes, count: int) -> bytes:
    """Some bytes in the middle changed."""
    rng, changed = random.Random(0), bytearray(content)
    for _ in range(count):
        changed[rng.randrange(len(content) * 3 // 10, len(content) * 7 // 10)] ^= 0x5A
    return bytes(changed)


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def is_half(told: str, kind: str) -> bool:
    """Whether a note says that about half is there."""
    found = re.fullmatch(rf"the {kind} is cut off: (\d+)% of it is there", told)
    return found is not None and abs(int(found[1]) - 50) < 5


FILMS = {
    **{name: options for name, _, options in samples.AV_CONTAINERS},
    "first.mp4": {"options": {"movflags": "faststart"}},
    "parts.mp4": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "a.wmv": {"pictures": "wmv2", "sound": "wmav2", "format": "asf"},
    "a.mxf": {"pictures": "mpeg2video", "sound": "pcm_s16le"},
    "sound_longer.mkv": {"sound_seconds": 9},
    "sound_shorter.avi": {"pictures": "mpeg4", "sound": "mp3", "sound_seconds": 2},
    "slides.mkv": {"sound": None, "times_ms": [0, 40, 3000, 8000]},
    "slides.mp4": {"sound": None, "times_ms": [0, 40, 3000, 8000]},
}


@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("window_s", [0.5, 2.0, 20.0])
def test_whole_films_have_no_note(tmp_path, name, window_s):
    content = samples.make_av(tmp_path / name, 6, **FILMS[name]).read_bytes()
    spec = VideoSpec(8, window_s, 4, 32, 16000)
    assert notes(content, name, spec) == ()


@pytest.mark.parametrize(
    "name", ["a.mkv", "a.webm", "a.avi", "a.wmv", "a.flv", "first.mp4", "parts.mp4"]
)
def test_films_that_are_cut_off(tmp_path, name):
    content = samples.make_av(tmp_path / name, 6, **FILMS[name]).read_bytes()
    (told, *_) = notes(half(content), name)
    if name == "parts.mp4":
        assert told == "the film is cut off: its end is missing"
    else:
        assert is_half(told, "film")
    assert notes(content[:-60], name) == ()


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.avi", "a.wmv", "first.mp4"])
@pytest.mark.parametrize("window_s", [2.0, 20.0])
def test_films_that_are_cut_off_last_as_long_as_what_is_there(tmp_path, name, window_s):
    content = half(samples.make_av(tmp_path / name, 6, **FILMS[name]).read_bytes())
    source = Source(name, content)
    film = load_video(source, detect(source).format, VideoSpec(8, window_s, 4, 32, 16000))
    assert film.duration_s == pytest.approx(3, abs=0.6)
    assert PICTURES_DAMAGED not in film.notes


@pytest.mark.parametrize("name", ["a.mka", "first.m4a", "a.wma"])
def test_sounds_that_are_cut_off_last_as_long_as_what_is_there(tmp_path, name):
    options = {"movflags": "faststart"} if name == "first.m4a" else {}
    format = {"a.mka": "matroska", "first.m4a": "ipod", "a.wma": "asf"}[name]
    codec = "wmav2" if name == "a.wma" else "aac"
    path = samples.make_av(
        tmp_path / name, 6, pictures=None, sound=codec, format=format, options=options
    )
    source = Source(name, half(path.read_bytes()))
    sound = load_sound(source, detect(source).format, SOUND)
    assert sound.duration_s == pytest.approx(3, abs=0.6)
    assert len(sound.notes) == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv", "a.mpg", "parts.mp4"])
def test_films_with_damaged_packets(tmp_path, name):
    content = samples.make_av(tmp_path / name, 6, **FILMS[name]).read_bytes()
    found = notes(with_noise(content, 400), name)
    assert found
    assert set(found) <= {PICTURES_DAMAGED, SOUND_DAMAGED}


def test_films_whose_packets_are_lost(tmp_path):
    film = {name: samples.make_av(tmp_path / name, 6, **FILMS[name]).read_bytes() for name in FILMS}
    assert notes(with_zeros(film["a.mp4"]), "a.mp4") == (PICTURES_DAMAGED, SOUND_DAMAGED)
    # AVI without a timestamp: read as one window, it is shorter than it says.
    whole = VideoSpec(8, 20.0, 4, 32, None)
    assert notes(with_zeros(film["a.avi"]), "a.avi", whole) == (PICTURES_DAMAGED,)
    assert notes(with_noise(film["a.avi"], 40), "a.avi", whole) == (PICTURES_DAMAGED,)


@pytest.mark.parametrize("window_s", [2.0, 20.0])
def test_matroska_that_lacks_the_rest_of_a_cluster(tmp_path, window_s):
    content = samples.make_av(tmp_path / "a.mkv", 3).read_bytes()
    damaged = with_zeros(content, 2000)
    spec = VideoSpec(8, window_s, 4, 32, 16000)
    assert notes(damaged, "a.mkv", spec) == (PICTURES_DAMAGED, SOUND_DAMAGED)
    film = load_video(Source("a.mkv", damaged), "mkv", spec)
    assert film.duration_s == pytest.approx(1.5, abs=0.4)


def test_a_sound_in_matroska_that_lacks_the_rest_of_a_cluster(tmp_path):
    path = samples.make_av(tmp_path / "a.mka", 3, pictures=None, format="matroska")
    content = path.read_bytes()
    assert notes(content, "a.mka") == ()
    assert notes(with_zeros(content, 2000), "a.mka") == ("parts of the sound are damaged",)


def test_a_recording_may_begin_and_end_anywhere(tmp_path):
    stream = samples.make_av(tmp_path / "a.ts", 6).read_bytes()
    count = len(stream) // 188
    for begin, end in ((0, 2 * count // 3), (count // 3, count), (count // 4, 3 * count // 4)):
        assert notes(stream[188 * begin : 188 * end], "a.ts") == ()


MPEG_STREAMS = {
    "a.ts": {},
    "a.m2ts": {"format": "mpegts", "options": {"mpegts_m2ts_mode": "1"}},
    "constant.ts": {"options": {"muxrate": "2000000"}},
    "a.mpg": {"pictures": "mpeg2video", "sound": "mp2"},
    "a.vob": {"pictures": "mpeg2video", "sound": "ac3", "format": "dvd"},
    "a.mpeg": {"pictures": "mpeg1video", "sound": "mp2", "format": "vcd"},
}


@pytest.mark.parametrize("name", MPEG_STREAMS)
def test_mpeg_streams_that_end_within_a_packet(tmp_path, name):
    content = samples.make_av(tmp_path / name, 2, **MPEG_STREAMS[name]).read_bytes()
    for tail in (b"", b"TAG".ljust(128, b"\0"), bytes(5000)):
        assert notes(content + tail, name) == ()
    format = detect(Source(name, content)).format
    ends = range(len(content) // 2, len(content), 1009)
    told = [cut_off_note(Source(name, content[:end]), format, "film") for end in ends]
    # A few of them are ends of packets.
    assert told.count(("the film is cut off: its end is missing",)) >= 0.9 * len(ends)
    assert notes(content[: len(content) // 2 + 50], name)


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    """Ten seconds that FLAC cannot pack into few blocks."""
    noise = np.random.default_rng(0).normal(0, 0.05, (160_000, 1))
    return (samples.sweep(10.0, 16000) + noise).astype(np.float32)


def test_flac_with_damaged_blocks_is_silent_there(tmp_path, noisy):
    path = tmp_path / "a.flac"
    soundfile.write(path, noisy, 16000)
    content = path.read_bytes()
    assert notes(content, "a.flac") == ()
    for tail in (b"TAG".ljust(128, b"\0"), bytes(5000)):
        assert notes(content + tail, "a.flac") == ()
    spec = SoundSpec(16000, 20.0, 1)
    for damaged in (with_noise(content, 1), with_zeros(content), with_noise(content, 5)):
        sound = load_sound(Source("a.flac", damaged), "flac", spec)
        assert sound.notes == ("parts of the sound are damaged",)
        (window,) = sound.windows
        assert len(window.samples) == pytest.approx(160_000, abs=2)
        wrong = np.abs(window.samples[:159_000] - noisy[:159_000, 0]) > 1e-3
        assert 0 < wrong.mean() < 0.4
        assert not window.samples[:159_000][wrong].any()


def test_flac_that_is_cut_off(tmp_path, noisy):
    path = tmp_path / "a.flac"
    soundfile.write(path, noisy, 16000)
    cut = half(path.read_bytes())
    share = "the sound is cut off: 51% of it is there"
    for spec in (SOUND, SoundSpec(16000, 20.0, 1)):
        sound = load_sound(Source("a.flac", cut), "flac", spec)
        assert sound.notes == (share,)
        assert sound.duration_s == pytest.approx(5, abs=0.3)


# Formats whose packets are never zeros, and the codecs of make_av for them.
DOWNLOADS = {
    "a.ts": {},
    "a.flv": {},
    "a.mpg": {"pictures": "mpeg2video", "sound": "mp2", "format": "mpeg"},
    "a.wmv": {"pictures": "wmv2", "sound": "wmav2", "format": "asf"},
    "a.mp3": {"pictures": None, "sound": "mp3"},
    "a.aac": {"pictures": None, "format": "adts"},
    "a.ac3": {"pictures": None, "sound": "ac3"},
    "a.tta": {"pictures": None, "sound": "tta"},
    "a.wv": {"pictures": None, "sound": "wavpack"},
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_download_whose_reserved_space_was_not_filled_is_cut_off(tmp_path, name):
    content = samples.make_av(tmp_path / name, 6, **DOWNLOADS[name]).read_bytes()
    assert notes(content, name) == ()
    (told,) = notes(half(content) + bytes(len(content) - len(content) // 2), name)
    assert is_half(told, "film" if DOWNLOADS[name].get("pictures", "libx264") else "sound")


@pytest.mark.parametrize("name", ["a.tta", "a.wv"])
def test_sounds_whose_header_states_their_length(tmp_path, name):
    content = samples.make_av(tmp_path / name, 6, **DOWNLOADS[name]).read_bytes()
    (told,) = notes(half(content), name)
    assert is_half(told, "sound")


@pytest.mark.parametrize("name", ["a.aiff", "a.au", "a.caf", "a.w64", "a.m4a", "a.mka"])
def test_sounds_that_are_cut_off(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".m4a":
        options = {"movflags": "faststart"}
        samples.make_av(path, 6, pictures=None, format="mp4", options=options)
    elif path.suffix == ".mka":
        samples.make_av(path, 6, pictures=None, format="matroska")
    else:
        samples.make_sound(path, 6.0)
    content = path.read_bytes()
    assert notes(content, name) == ()
    (told, *_) = notes(half(content), name)
    assert is_half(told, "sound")


def test_dsdiff_whose_sizes_have_64_bits():
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">Q", len(content)) + content + bytes(len(content) % 2)

    rate = chunk(b"FS  ", struct.pack(">I", 2_822_400))
    channel = chunk(b"CHNL", struct.pack(">H", 1) + b"C   ")
    coding = chunk(b"CMPR", b"DSD \x0enot compressed")
    version = chunk(b"FVER", b"\x01\x05\x00\x00")
    chunks = version + chunk(b"PROP", b"SND " + rate + channel + coding)
    content = chunk(b"FRM8", b"DSD " + chunks + chunk(b"DSD ", bytes([0x69]) * 352_800))
    assert notes(content, "a.dff") == ()
    (told,) = notes(half(content), "a.dff")
    assert is_half(told, "sound")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_whose_last_page_is_missing(tmp_path, noisy, subtype):
    path = tmp_path / "a.ogg"
    soundfile.write(path, noisy, 16000, subtype=subtype)
    content = path.read_bytes()
    pages = [found.start() for found in re.finditer(b"OggS\0", content)]
    for whole in (content, content * 2, content + b"TAG".ljust(128, b"\0"), content + bytes(2**18)):
        assert notes(whole, "a.ogg") == ()
    for end in (len(content) // 2, len(content) - 100, pages[-1], pages[-2], pages[-1] + 20):
        (told, *_) = notes(content[:end], "a.ogg")
        assert told == "the sound is cut off: its end is missing"


@pytest.mark.parametrize("rate", [44100, 22050])
@pytest.mark.parametrize("tag", [0, 300_000])
def test_mp3_that_is_shorter_than_its_first_frame_says(tmp_path, rate, tag):
    path = samples.make_av(tmp_path / "a.mp3", 6, pictures=None, sound="mp3", sound_rate=rate)
    content = path.read_bytes()
    start = content.index(b"\xff\xfb" if rate == 44100 else b"\xff\xf3")
    assert b"Info" in content[start : start + 200] or b"Xing" in content[start : start + 200]
    frames = content[start:]
    padded = bytes((tag >> shift) & 0x7F for shift in (21, 14, 7, 0))
    front = b"ID3\4\0\0" + padded + bytes(tag)
    for whole in (front + frames, front + frames + b"TAG".ljust(128, b"\0"), frames + frames[500:]):
        assert notes(whole, "a.mp3") == ()
    (told, *_) = notes(front + half(frames), "a.mp3")
    assert is_half(told, "sound")
    # Fraunhofer's form of the same: version, delay, quality, bytes.
    frame = bytearray(frames)
    frame[4:200] = bytes(196)
    assert notes(bytes(frame), "a.mp3") == ()
    frame[36:50] = b"VBRI" + bytes(6) + len(frames).to_bytes(4, "big")
    assert notes(bytes(frame), "a.mp3") == ()
    (told, *_) = notes(half(bytes(frame)), "a.mp3")
    assert is_half(told, "sound")


@pytest.mark.parametrize(("name", "at"), [("a.caf", 12), ("a.wmv", 16), ("a.mov", 0)])
def test_sizes_beyond_any_file(tmp_path, name, at):
    if name == "a.caf":
        path = samples.make_sound(tmp_path / name, 0.5)
    else:
        path = samples.make_av(tmp_path / name, 0.5, **FILMS[name])
    content = bytearray(path.read_bytes())
    content[at : at + 8] = b"\x7f" * 8
    with suppress(InputError):
        notes(bytes(content), name)
    path.write_bytes(content)
    format = {"wmv": "asf"}.get(path.suffix[1:], path.suffix[1:])
    assert cut_off_note(Source(str(path)), format, "film") == ()


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_24", "IMA_ADPCM"])
def test_codecs_for_speech_that_cannot_seek(tmp_path, subtype):
    path = samples.make_sound(tmp_path / "a.wav", 6.0, 16000, subtype=subtype)
    sound = load_sound(Source(str(path)), "wav", SoundSpec(16000, 1.0, 3))
    assert sound.notes == ()
    for window in sound.windows:
        heard = samples.pitch(window.samples, 16000)
        assert heard == pytest.approx(200 + 100 * (window.start_s + 0.5), abs=40)


def test_strict_refuses_them(run, bundle, tmp_path):
    film = samples.make_av(tmp_path / "a.mkv", 6).read_bytes()
    (tmp_path / "b.mkv").write_bytes(half(film))
    lines = run("classify", tmp_path / "b.mkv", "--format", "jsonl").stdout
    (told, *_) = json.loads(lines)["notes"]
    assert is_half(told, "film")
    outcome = run("classify", tmp_path / "a.mkv", tmp_path / "b.mkv", "--strict")
    assert outcome.exit_code == 1
    assert f"b.mkv: {told}" in outcome.stderr
    assert "a.mkv: " not in outcome.stderr
