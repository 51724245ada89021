"""Sounds are mono at the requested rate, and windows are at their stated positions."""

import numpy as np
import pytest
import soundfile

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.audio import load_sound, resample
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec
from perceiver_cli.media.windows import Coverage
from tests import samples

SPEC = SoundSpec(rate=16000, window_s=2.0, max_windows=3)


def load(path, format=None, spec=SPEC):
    return load_sound(Source(str(path)), format or path.suffix[1:], spec)


def save(path, array, rate=16000, **options):
    soundfile.write(path, array, rate, **options)
    return path


def check_sweep(window, rate, tolerance=30):
    """The sweep's pitch in the middle of a window tells the time it was cut from."""
    middle = window.start_s + len(window.samples) / rate / 2
    assert samples.pitch(window.samples, rate) == pytest.approx(200 + 100 * middle, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "format", "options"),
    [
        ("u8.wav", "wav", {"subtype": "PCM_U8"}),
        ("16.wav", "wav", {"subtype": "PCM_16"}),
        ("24.wav", "wav", {"subtype": "PCM_24"}),
        ("32.wav", "wav", {"subtype": "PCM_32"}),
        ("f32.wav", "wav", {"subtype": "FLOAT"}),
        ("f64.wav", "wav", {"subtype": "DOUBLE"}),
        ("adpcm.wav", "wav", {"subtype": "IMA_ADPCM"}),
        ("ulaw.wav", "wav", {"subtype": "ULAW"}),
        ("a.flac", "flac", {}),
        ("a.ogg", "ogg", {}),
        ("a.opus", "ogg", {"format": "OGG", "subtype": "OPUS", "rate": 48000}),
        ("a.mp3", "mp3", {}),
        ("a.aiff", "aiff", {}),
        ("a.au", "au", {}),
        ("a.caf", "caf", {}),
        ("a.w64", "w64", {}),
        ("a.rf64", "wav", {"format": "RF64"}),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_formats(tmp_path, name, format, options, channels):
    path = samples.make_sound(tmp_path / name, 1.5, channels=channels, **options)
    sound = load(path, format)
    assert sound.file_rate == options.get("rate", 22050)
    assert sound.channels == channels
    assert sound.rate == 16000
    assert sound.duration_s == pytest.approx(1.5, abs=0.08)
    (window,) = sound.windows
    assert window.samples.dtype == np.float32
    assert len(window.samples) == round(sound.duration_s * 16000)
    # Decoders differ in volume a little (the .au header, mu-law and friends do not).
    assert np.sqrt(np.mean(window.samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)
    check_sweep(window, 16000)


@pytest.mark.parametrize(
    ("name", "format", "options"),
    [
        ("a.wav", "wav", None),
        ("a.flac", "flac", None),
        ("a.ogg", "ogg", None),
        ("a.mp3", "mp3", None),
        ("a.m4a", "m4a", {"format": "ipod"}),
        ("a.aac", "aac", {"format": "adts"}),
        ("a.mp4", "mp4", {}),
        ("a.mkv", "mkv", {}),
        ("a.webm", "webm", {"sound": "libopus"}),
        ("a.ts", "ts", {}),
    ],
)
def test_windows_of_a_long_sound(tmp_path, name, format, options):
    path = tmp_path / name
    if options is None:
        samples.make_sound(path, 12)
    else:
        samples.make_av(path, 12, pictures=None, **options)
    sound = load(path, format)
    assert sound.duration_s == pytest.approx(12, abs=0.1)
    assert [w.start_s for w in sound.windows] == pytest.approx([0, 5, 10], abs=0.1)
    for window in sound.windows:
        assert len(window.samples) == pytest.approx(32000, abs=1000)
        check_sweep(window, 16000)


def test_sound_of_a_film(tmp_path):
    path = samples.make_av(tmp_path / "a.mp4", 6)
    sound = load(path)
    assert len(sound.windows) == 3
    for window in sound.windows:
        check_sweep(window, 16000)


@pytest.mark.parametrize(("rate", "to"), [(8000, 16000), (44100, 16000), (16000, 22050), (9, 100)])
def test_resample_keeps_length_and_pitch(rate, to):
    tone = np.sin(2 * np.pi * 0.1 * np.arange(4 * rate + 1)).astype(np.float32)
    made = resample(tone, rate, to)
    assert made.dtype == np.float32
    assert len(made) == round(len(tone) * to / rate)
    if rate > 1000:
        assert samples.pitch(made, to) == pytest.approx(0.1 * rate, rel=0.01)
        # In step with the original, not late by the filter's length.
        times = np.arange(len(made)) / to
        middle = slice(len(made) // 4, len(made) // 2)
        assert np.abs(made - np.sin(2 * np.pi * 0.1 * rate * times))[middle].max() < 0.05


def test_a_resampled_sound_keeps_its_end():
    tone = np.sin(2 * np.pi * 0.05 * np.arange(1600)).astype(np.float32)
    made = resample(tone, 8000, 16000)
    assert np.abs(made[-40:]).max() > 0.9


def test_resample_to_the_same_rate_changes_nothing():
    noise = np.random.default_rng(0).normal(size=999).astype(np.float32)
    assert np.array_equal(resample(noise, 16000, 16000), noise)


def test_mono_is_the_mean(tmp_path):
    left, right = np.random.default_rng(0).normal(0, 0.1, (2, 1600)).astype(np.float32)
    path = save(tmp_path / "a.wav", np.stack([left, right], 1), subtype="FLOAT")
    assert load(path).windows[0].samples == pytest.approx((left + right) / 2, abs=1e-6)


def tone(rate=16000, seconds=1.0):
    return samples.sweep(seconds, rate)[:, 0]


@pytest.mark.parametrize(
    "gains",
    [(1, -1), (1, -1, 1, -1), (1, 1), (1, 0), (0, 1), (-1, 0, 0, 0, 0, 0), (1, 1e-3), (1, -0.999)],
)
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_channels_never_cancel(tmp_path, gains, format):
    """The same sound as in one channel, up to its sign and the loudness of the mean."""
    mono = tone()
    path = save(tmp_path / f"a.{format}", mono[:, None] * np.array(gains, np.float32))
    made = load(path).windows[0].samples
    assert np.corrcoef(made, mono)[0, 1] ** 2 == pytest.approx(1, abs=1e-4)
    assert np.abs(made).max() == pytest.approx(np.abs(mono).max(), rel=0.01)


@pytest.mark.parametrize(("name", "sound"), [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_opposite_phase_in_containers(tmp_path, name, sound):
    path = samples.make_av(tmp_path / name, 1, sound=sound, gains=(1, -1), pictures=None)
    assert np.abs(load(path).windows[0].samples).max() == pytest.approx(0.5, rel=0.1)


def test_the_channel_for_low_frequencies_is_left_out(tmp_path):
    surround = np.zeros((16000, 6), np.float32)
    surround[:, 2] = tone()
    surround[:, 3] = np.sin(2 * np.pi * 40 * np.arange(16000) / 16000)
    made = load(save(tmp_path / "a.wav", surround, subtype="FLOAT")).windows[0].samples
    assert np.abs(made - tone()).max() < 1e-3
    surround[:, 2] = 0
    assert samples.pitch(load(save(tmp_path / "b.wav", surround)).windows[0].samples, 16000) == 40


def test_a_constant_offset_is_no_opposition(tmp_path):
    stereo = np.stack([tone() + 0.1, tone() - 0.1], 1)
    made = load(save(tmp_path / "a.wav", stereo, subtype="FLOAT")).windows[0].samples
    assert made == pytest.approx(tone(), abs=1e-5)


def test_many_channels(tmp_path):
    path = save(tmp_path / "a.wav", np.full((1600, 6), 0.25), subtype="FLOAT")
    sound = load(path)
    assert sound.channels == 6
    assert sound.windows[0].samples == pytest.approx(0.25)


def test_silence_is_fine(tmp_path):
    sound = load(save(tmp_path / "a.wav", np.zeros(16000)))
    assert not sound.windows[0].samples.any()


def test_a_single_sample(tmp_path):
    assert len(load(save(tmp_path / "a.wav", np.ones(1) / 2)).windows[0].samples) == 1


def test_not_finite_samples_become_silence(tmp_path):
    array = np.full(1600, 0.5)
    array[[3, 5, 7]] = np.nan, np.inf, -np.inf
    samples_ = load(save(tmp_path / "a.wav", array, subtype="FLOAT")).windows[0].samples
    assert np.flatnonzero(samples_ == 0).tolist() == [3, 5, 7]


def test_not_finite_samples_of_one_channel_spare_the_other(tmp_path):
    stereo = np.stack([tone(), np.full(16000, np.nan)], 1)
    made = load(save(tmp_path / "a.wav", stereo, subtype="FLOAT")).windows[0].samples
    assert made == pytest.approx(tone(), abs=1e-5)


@pytest.mark.parametrize(
    ("peak", "told"),
    [
        (16.0, None),
        (63.3, "63.3 where 1 is full scale: treated as 16-bit integers and divided by 32,768"),
        (2.0**22, "4,194,304.0 where 1 is full scale: treated as 24-bit integers and divided "
            "by 8,388,608"),
        (2.5e12, "2.5e+12 where 1 is full scale: divided by that"),
    ],
)  # fmt: skip
def test_what_samples_beyond_full_scale_are_taken_for(tmp_path, peak, told):
    sound = load(save(tmp_path / "a.wav", (tone() / tone().max() * peak), subtype="DOUBLE"))
    assert sound.notes == ((f"samples reach {told}",) if told else ())


@pytest.mark.parametrize("scale", [2**15 - 1, 2**23 - 1, 2**31 - 1])
def test_whole_numbers_in_a_file_of_fractions(tmp_path, scale):
    whole = np.round(tone() / 0.5 * scale).astype(np.float32)
    sound = load(save(tmp_path / "a.wav", whole, subtype="FLOAT"))
    assert np.abs(sound.windows[0].samples).max() == pytest.approx(1, rel=0.01)
    assert "full scale" in sound.notes[0]


@pytest.mark.parametrize("name", ["a.ogg", "a.m4a"])
def test_an_overshoot_of_a_lossy_codec_is_clipped(tmp_path, name):
    path = tmp_path / name
    if name == "a.ogg":
        save(path, tone() * 100)
    else:
        samples.make_av(path, 1.0, pictures=None, gains=(100, 100))
    sound = load(path)
    assert np.abs(sound.windows[0].samples).max() == pytest.approx(1, abs=0.2)
    assert sound.notes == ("parts of the sound are damaged",)


def test_a_loud_recording_stays_as_it_is(tmp_path):
    sound = load(save(tmp_path / "a.wav", tone() * 4, subtype="FLOAT"))
    assert np.abs(sound.windows[0].samples).max() == pytest.approx(2, rel=0.01)
    assert sound.notes == ()


def test_nothing_finite_is_corrupt(tmp_path):
    path = save(tmp_path / "a.wav", np.full(1600, np.nan), subtype="FLOAT")
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind == "corrupt"


@pytest.mark.parametrize("format", ["wav", "aiff", "au"])
def test_no_samples_is_empty(tmp_path, format):
    with pytest.raises(InputError) as caught:
        load(save(tmp_path / f"a.{format}", np.zeros(0)))
    assert caught.value.kind == "empty"


def test_cut_off_wav_plays_as_far_as_it_goes(tmp_path):
    path = samples.make_sound(tmp_path / "a.wav", 1.0)
    path.write_bytes(path.read_bytes()[:-22050])
    assert load(path).duration_s == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("format", ["flac", "mp3", "ogg"])
def test_cut_off_sounds(tmp_path, format):
    noise = np.random.default_rng(0).normal(0, 0.05, (220500, 1))
    path = save(tmp_path / f"a.{format}", samples.sweep(10, 22050) + noise, 22050)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sound = load(path)
    check_sweep(sound.windows[0], 16000)
    assert all(len(window.samples) for window in sound.windows)


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "aiff", "m4a"])
def test_header_alone_is_an_input_error(tmp_path, format, capfd):
    if format == "m4a":
        path = samples.make_av(tmp_path / "a.m4a", 1, pictures=None, format="ipod")
    else:
        path = samples.make_sound(tmp_path / f"a.{format}", 1.0)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind in ("corrupt", "empty")
    assert str(tmp_path) not in caught.value.message
    assert capfd.readouterr().err == ""


def test_noise_in_an_mp3_is_quiet_on_stderr(tmp_path, capfd):
    content = bytearray(samples.make_sound(tmp_path / "a.mp3", 3.0).read_bytes())
    content[2000:6000] = np.random.default_rng(0).bytes(4000)
    (tmp_path / "b.mp3").write_bytes(content)
    assert len(load(tmp_path / "b.mp3").windows) >= 1
    assert capfd.readouterr().err == ""


def test_an_absurd_rate_is_corrupt(tmp_path):
    content = bytearray(samples.make_sound(tmp_path / "a.wav", 0.1).read_bytes())
    content[24:28] = (2**31 - 1).to_bytes(4, "little")
    with pytest.raises(InputError) as caught:
        load_sound(Source("-", bytes(content)), "wav", SPEC)
    assert caught.value.kind == "corrupt"


def test_pictures_without_sound(tmp_path):
    with pytest.raises(InputError) as caught:
        load(samples.make_av(tmp_path / "a.mp4", 0.5, sound=None))
    assert caught.value.kind == "unsupported"


def test_bw64(tmp_path):
    """The European Broadcasting Union's successor of RF64, as broadcasters write it."""
    path = samples.make_sound(tmp_path / "a.wav", 1.5, format="RF64")
    path.write_bytes(b"BW64" + path.read_bytes()[4:])
    source = Source(str(path))
    assert detect(source).reason == "BW64/WAVE header"
    sound = load_sound(source, detect(source).format, SPEC)
    assert sound.duration_s == pytest.approx(1.5, abs=0.01)
    check_sweep(sound.windows[0], 16000)


def test_a_wav_that_was_never_finished(tmp_path):
    """As a recorder leaves it that loses power: both sizes are 0."""
    content = bytearray(samples.make_sound(tmp_path / "a.wav", 1.0).read_bytes())
    content[4:8] = content[40:44] = bytes(4)
    sound = load_sound(Source("a.wav", bytes(content)), "wav", SPEC)
    assert sound.duration_s == pytest.approx(1.0, abs=0.01)


def test_a_sound_that_is_read_whole_is_resampled_without_seams(tmp_path):
    path = tmp_path / "tone.wav"
    tone = 0.5 * np.sin(2 * np.pi * 6000 / 44100 * np.arange(12 * 44100)).astype(np.float32)
    soundfile.write(path, tone, 44100, subtype="FLOAT")
    sound = load_sound(Source(path), "wav", SoundSpec(16000, 2.0, 5, Coverage(600, hop_s=1.0)))
    assert len(sound.windows) == 11
    whole = resample(tone, 44100, 16000)
    for window in sound.windows:
        first = round(window.start_s * 16000)
        expected = whole[first : first + 32000]
        np.testing.assert_allclose(window.samples, expected, atol=1e-3)


CHAINS = [
    ("OGG", "VORBIS", (22050, 22050)),
    ("OGG", "VORBIS", (22050, 8000)),
    ("OGG", "OPUS", (48000, 24000)),
]


@pytest.mark.parametrize(("format", "subtype", "rates"), CHAINS)
def test_chained_ogg_is_read_whole(tmp_path, format, subtype, rates):
    """Each link is a sweep of its own, so pitch tells where in which link a window lies."""
    content = b""
    for rate in rates:
        path = tmp_path / f"{rate}.ogg"
        samples.make_sound(path, 3.0, rate, format=format, subtype=subtype)
        content += path.read_bytes()
    source = Source("radio.ogg", content)
    sound = load_sound(source, detect(source).format, SoundSpec(16000, 1.0, 6))
    assert sound.duration_s == pytest.approx(6, abs=0.05)
    assert [w.start_s for w in sound.windows] == pytest.approx([0, 1, 2, 3, 4, 5], abs=0.05)
    for window in sound.windows:
        time = window.start_s % 3 if window.start_s < 2.9 else window.start_s - 3
        assert samples.pitch(window.samples, 16000) == pytest.approx(250 + 100 * time, abs=30)


def test_the_same_file_twice_is_a_chain(tmp_path):
    content = samples.make_sound(tmp_path / "a.ogg", 1.0).read_bytes()
    sound = load_sound(Source("a.ogg", content * 3), "ogg", SoundSpec(16000, 5.0, 1))
    assert sound.duration_s == pytest.approx(3, abs=0.05)
    assert len(sound.windows) == 1


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s32le", "pcm_f32le"])
def test_every_sample_format_has_the_same_scale_and_centre(tmp_path, codec):
    path = tmp_path / "a.mkv"
    samples.make_av(path, 1.0, pictures=None, sound=codec, format="matroska")
    found = load_sound(Source(str(path)), "mkv", SoundSpec(48000, 1.0, 1)).windows[0].samples
    assert abs(found.mean()) < 0.01
    assert found.std() == pytest.approx(samples.sweep(1.0, 48000).std(), rel=0.05)


def test_windows_across_the_links_of_a_chain(tmp_path):
    content = samples.make_sound(tmp_path / "a.ogg", 2.0).read_bytes()
    sound = load_sound(Source("a.ogg", content * 2), "ogg", SoundSpec(16000, 3.0, 2))
    assert [len(w.samples) for w in sound.windows] == pytest.approx([48000, 48000], abs=100)
    last = sound.windows[1].samples[16000:]
    assert samples.pitch(last, 16000) == pytest.approx(300, abs=30)


AV_SOUNDS = [
    ("a.tta", "tta", "tta"),
    ("a.wv", "wavpack", "wv"),
    ("a.ac3", "ac3", "ac3"),
    ("a.eac3", "eac3", "eac3"),
    ("a.wma", "wmav2", "asf"),
    ("a.mka", "flac", "matroska"),
    ("a.voc", "pcm_s16le", "voc"),
    ("a.mp2", "mp2", "mp2"),
    ("a.caf", "alac", "caf"),
    ("a.mp4", "alac", "mp4"),
    ("a.rm", "ac3", "rm"),
]


@pytest.mark.parametrize(("name", "sound", "format"), AV_SOUNDS)
def test_sounds_that_only_pyav_reads(tmp_path, name, sound, format):
    path = samples.make_av(tmp_path / name, 1.5, pictures=None, sound=sound, format=format)
    hidden = path.rename(tmp_path / "name.without.a.meaning")
    detection = detect(Source(str(hidden)))
    assert detection.modality == "audio"
    made = load(hidden, detection.format)
    assert made.duration_s == pytest.approx(1.5, abs=0.15)
    assert made.file_rate == 48000
    check_sweep(made.windows[0], 16000, tolerance=40)


def ape_tag(size: int) -> bytes:
    fields = (2000, size + 32, 1, 0xA0000000)
    return b"APETAGEX" + b"".join(n.to_bytes(4, "little") for n in fields) + bytes(8) + bytes(size)


def id3(size: int) -> bytes:
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)


MP3_FRONTS = {
    "zeros": bytes(300),
    "many zeros": bytes(200_000),
    "junk": np.random.default_rng(5).bytes(3000),
    "APE tag": ape_tag(100),
    "large APE tag": ape_tag(100_000),
    "ID3v1 tag": b"TAG" + bytes(125),
    "two ID3v2 tags": id3(500) + id3(100),
    "ID3v2 tag, then junk": id3(500) + b"\x01junk" * 40,
    "ID3v2 tag, then an APE tag": id3(500) + ape_tag(200),
}


@pytest.mark.parametrize("front", MP3_FRONTS.values(), ids=list(MP3_FRONTS))
@pytest.mark.parametrize("name", ["a.mp3", "voice", "a.wav"])
def test_mp3_behind_other_data(tmp_path, front, name):
    bare = samples.make_sound(tmp_path / "a.mp3", 2.0).read_bytes()
    source = Source(name, front + bare + b"TAG" + bytes(125))
    detection = detect(source)
    assert (detection.modality, detection.format) == ("audio", "mp3")
    sound = load_sound(source, "mp3", SPEC)
    assert sound.duration_s == pytest.approx(2, abs=0.1)
    check_sweep(sound.windows[0], 16000, tolerance=40)


@pytest.mark.parametrize("size", [100, 30_000, 200_000])
@pytest.mark.parametrize("padding", [0, 500])
@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.au", "a.caf"])
def test_a_tag_before_other_sounds_removes_nothing_of_them(tmp_path, name, size, padding):
    bare = samples.make_sound(tmp_path / name, 2.0)
    source = Source(name, id3(size) + bytes(padding) + bare.read_bytes())
    detection = detect(source)
    sound, expected = load_sound(source, detection.format, SPEC), load(bare, detection.format)
    assert (sound.duration_s, sound.notes) == (2.0, ())
    assert np.array_equal(sound.windows[0].samples, expected.windows[0].samples)


def test_a_sound_behind_a_tag_that_is_cut_off_has_a_note(tmp_path):
    bare = samples.make_sound(tmp_path / "a.wav", 4.0).read_bytes()
    path = tmp_path / "tagged.wav"
    path.write_bytes(id3(30_000) + bare[: len(bare) // 4])
    sound = load(path)
    assert sound.duration_s == pytest.approx(1.0, abs=0.01)
    assert sound.notes == ("the sound is cut off: 25% of it is there",)


def test_a_codec_that_nothing_decodes(tmp_path):
    content = bytearray(samples.make_sound(tmp_path / "a.wav", 0.5).read_bytes())
    content[20:22] = b"\x34\x99"
    with pytest.raises(InputError) as caught:
        load_sound(Source("a.wav", bytes(content)), "wav", SPEC)
    assert caught.value.kind == "unsupported"


def test_more_channels_than_memory_has_room_for(tmp_path):
    content = bytearray(samples.make_sound(tmp_path / "a.wav", 0.5, channels=2).read_bytes())
    content[22:24] = (1000).to_bytes(2, "little")
    with pytest.raises(InputError) as caught:
        load_sound(Source("a.wav", bytes(content)), "wav", SPEC)
    assert caught.value.kind == "too_large"
    assert "PERCEIVER_MAX_RATE" in caught.value.message


def test_a_wave_file_that_ends_before_its_header_says_has_a_note(tmp_path):
    whole = samples.make_sound(tmp_path / "whole.wav", 4.0)
    assert load(whole).notes == ()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 4])
    sound = load(cut)
    assert sound.duration_s == pytest.approx(1.0, abs=0.01)
    assert sound.notes == ("the sound is cut off: 25% of it is there",)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 250])
    assert load(cut).notes == ("the sound is cut off: less than 1% of it is there",)
    stream = bytearray(whole.read_bytes())
    place = stream.index(b"data") + 4
    for size in (0, 2**32 - 1, 2**32 - 45, 2**31 - 1, 2**31 - 2**12 - 36):
        stream[place : place + 4] = size.to_bytes(4, "little")
        (tmp_path / "stream.wav").write_bytes(stream)
        assert load(tmp_path / "stream.wav").notes == ()


def test_samples_that_are_no_numbers_are_silence_with_a_note(tmp_path):
    wave = samples.sweep(1.0, 16000)
    wave[4000:8000] = np.nan
    soundfile.write(tmp_path / "gap.wav", wave, 16000, subtype="FLOAT")
    sound = load(tmp_path / "gap.wav")
    assert not sound.windows[0].samples[4100:7900].any()
    assert sound.notes == ("samples that are not finite are read as silence",)
