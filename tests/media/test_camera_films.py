"""Films as cameras, phones, discs and editors write them: frames, times and sound are right."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec, VideoSpec
from perceiver_cli.media.types import Video
from perceiver_cli.media.video import load_video
from tests import samples

SPEC = VideoSpec(frames=5, window_s=5.0, max_windows=3, short_side=64, sound_rate=16000)
LATE = VideoSpec(frames=5, window_s=1.0, max_windows=3, short_side=64, sound_rate=None)
SOUND = SoundSpec(rate=16000, window_s=2.0, max_windows=3)


def film(
    path: Path,
    codec: str,
    pixels: str,
    sound: str | None,
    size: tuple[int, int] = (96, 64),
    rate: Fraction | int = 25,
    format: str | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    timecode: str | None = None,
) -> Source:
    """A second of samples.make_av's frames and sound."""
    import av

    try:
        with av.open(str(path), "w", format=format, options=options or {}) as file:
            stream = file.add_stream(codec, rate=rate, options=codec_options or {})
            stream.width, stream.height = size
            stream.pix_fmt = pixels
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if timecode:
                stream.metadata["timecode"] = timecode
            audio = file.add_stream(sound, rate=48000, layout="stereo") if sound else None
            if audio:
                audio.bit_rate = 128_000
            for index in range(round(rate)):
                grey = samples.grey_frame(float(index / rate))
                frame = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(*size, format=pixels)
                frame.pts, frame.time_base = index, 1 / Fraction(rate)
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
            if audio:
                samples.encode_sweep(file, audio, 1.0, 48000, (1, 1))
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this PyAV has no encoder {codec} or {sound}")
    return Source(str(path))


def is_the_film(source: Source, sound: bool, tolerance: float = 4) -> Video:
    """The film in a file, whose frames and sound have to be those of `film`."""
    detection = detect(source)
    assert detection.modality == ("av" if sound else "video")
    video = load_video(source, detection.format, SPEC)
    (window,) = video.windows
    assert video.duration_s == pytest.approx(1, abs=0.07)
    assert window.times_s == pytest.approx(np.linspace(0, 0.96, 5), abs=0.045)
    grey = window.frames[:, 5:-5, -12:-4].mean((1, 2, 3))
    assert grey == pytest.approx([samples.grey_at(time) for time in window.times_s], abs=tolerance)
    red = window.frames[:, 20:-20, 3:8].mean((0, 1, 2))
    assert red == pytest.approx((255, 0, 0), abs=25)
    if sound:
        assert window.sound is not None
        assert samples.pitch(window.sound[4000:12_000], 16000) == pytest.approx(250, abs=8)
    return video


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "sound", "more"),
    [
        ("disc.vob", "mpeg2video", "yuv420p", "ac3", {"format": "vob"}),
        ("old_phone.3gp", "h263", "yuv420p", None, {"size": (176, 144)}),
        ("edit.mov", "prores_ks", "yuv422p10le", "pcm_s16le", {"timecode": "01:00:00:00"}),
        ("edit_alpha.mov", "prores_ks", "yuva444p10le", "pcm_s24le", {}),
        ("edit_2.mov", "dnxhd", "yuv422p", "pcm_s16le",
         {"size": (256, 144), "codec_options": {"profile": "dnxhr_hq"}}),
        ("compact.avi", "mjpeg", "yuvj420p", "pcm_u8", {}),
        ("windows.wmv", "wmv2", "yuv420p", "wmav2", {"format": "asf"}),
        ("camcorder.m2ts", "libx264", "yuv420p", "ac3", {"options": {"mpegts_m2ts_mode": "1"}}),
        ("hdr.mp4", "libx265", "yuv420p10le", "aac", {}),
        ("web.mp4", "libsvtav1", "yuv420p", "libopus", {}),
        ("stream.mp4", "libx264", "yuv420p", "aac",
         {"options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}),
        ("ntsc.mp4", "libx264", "yuv420p", "aac", {"rate": Fraction(30000, 1001)}),
        ("screen.mov", "qtrle", "rgb24", None, {}),
        ("screen_2.mov", "png", "rgba", None, {}),
        ("old_web.flv", "flv", "yuv420p", "libmp3lame", {}),
        ("cd_rom.avi", "cinepak", "rgb24", None, {}),
        ("lab.avi", "rawvideo", "bgr24", None, {}),
        ("capture.avi", "huffyuv", "yuv422p", "pcm_s16le", {}),
        ("archive.mkv", "ffv1", "yuv422p10le", "flac", {}),
        ("broadcast.mxf", "mpeg2video", "yuv422p", "pcm_s16le", {}),
        ("divx.avi", "mpeg4", "yuv420p", "libmp3lame",
         {"codec_options": {"bf": "2", "b": "2000000"}}),
    ],
)  # fmt: skip
def test_films(tmp_path, name, codec, pixels, sound, more):
    source = film(tmp_path / name, codec, pixels, sound, **more)
    video = is_the_film(source, sound is not None, tolerance=7)
    assert video.fps == pytest.approx(float(more.get("rate", 25)), abs=0.01)


@pytest.mark.parametrize(
    ("name", "codec", "sound", "aspect", "width"),
    [
        ("tape.avi", "dvvideo", "pcm_s16le", None, 768),
        ("wide.mp4", "libx264", "aac", Fraction(64, 45), 1024),
    ],
)
def test_pixels_that_are_not_square(tmp_path, name, codec, sound, aspect, width):
    source = film(tmp_path / name, codec, "yuv420p", sound, (720, 576), aspect=aspect)
    video = is_the_film(source, True)
    assert (video.width, video.height) == (width, 576)
    assert video.windows[0].frames.shape[2] == round(64 * width / 576)


@pytest.mark.parametrize(
    ("handler", "entry"),
    [(b"meta", b"gpmd"), (b"meta", b"mebx"), (b"meta", b"rtmd"), (b"tmcd", b"tmcd")],
)
def test_tracks_of_measurements_are_passed_over(tmp_path, handler, entry):
    """As in the films of GoPro, iPhone and Sony; here in place of the second of three tracks."""
    content = film(tmp_path / "a.mp4", "libx264", "yuv420p", "aac").open().read()
    at = content.rindex(b"moov") - 4
    track_at = content.rindex(b"trak") - 4
    (length,) = struct.unpack_from(">I", content, track_at)
    track = content[track_at : track_at + length]
    measured = track.replace(b"soun", handler).replace(b"mp4a", entry)
    moov = content[at + 4 : track_at] + measured + content[track_at:]
    changed = content[:at] + struct.pack(">I", len(moov) + 4) + moov
    is_the_film(Source("GX010001.MP4", changed), True)


def test_a_recording_that_begins_between_key_frames(tmp_path):
    path = samples.make_av(tmp_path / "a.ts", 6, options={})
    packets = path.read_bytes()
    begin, end = len(packets) // 188 // 3, len(packets) // 188
    cut = Source("a.ts", packets[188 * begin : 188 * end])
    video = load_video(cut, detect(cut).format, SPEC)
    assert 3 < video.duration_s < 5
    window = video.windows[0]
    # All times count from the cut, and the last frame is that of the whole film.
    assert (np.diff(window.times_s) >= 0).all()
    last = window.frames[-1, 5:-5, -12:-4].mean()
    assert last == pytest.approx(samples.grey_at(5.96), abs=6)
    assert window.sound is not None
    assert window.sound.std() == pytest.approx(0.354, abs=0.04)


@pytest.mark.parametrize("name", ["a.mkv", "a.asf"])
def test_a_film_lasts_from_its_first_frame_on(tmp_path, name):
    times = [1_000_000 + 40 * index for index in range(100)]
    path = samples.make_av(tmp_path / name, pictures="mpeg4", sound=None, times_ms=times)
    (*_, window) = load_video(Source(str(path)), detect(Source(str(path))).format, LATE).windows
    assert window.start_s == pytest.approx(3, abs=0.1)
    assert window.frames[-1, 5:-5, -12:-4].mean() == pytest.approx(samples.grey_at(3.96), abs=6)


def test_the_rate_of_raw_dv(tmp_path):
    video = load_video(film(tmp_path / "a.dv", "dvvideo", "yuv420p", None, (720, 576)), "dv", SPEC)
    assert video.fps == 25
    assert video.duration_s == pytest.approx(1)


@pytest.mark.parametrize("name", ["a.ts", "a.mpg"])
@pytest.mark.parametrize("kind", ["film", "sound"])
def test_joined_films_have_a_note(tmp_path, name, kind):
    pictures = "mpeg2video" if kind == "film" else None
    once = samples.make_av(tmp_path / name, 3.0, pictures=pictures, sound="mp2").read_bytes()
    told = f"the {kind} consists of parts whose times start again: only some of it is read"
    for content, notes in ((once, ()), (2 * once, (told,))):
        source = Source(name, content)
        if kind == "film":
            assert load_video(source, detect(source).format, SPEC).notes == notes
        else:
            assert load_sound(source, detect(source).format, SOUND).notes == notes


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mxf", "libx264"),
        ("a.mxf", "mpeg2video"),
        ("a.avi", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mkv", "libx264"),
    ],
)
def test_frames_that_are_stored_in_another_order(tmp_path, name, codec):
    """AVI and MXF give H.264 times in the order of decoding."""
    options = {"bf": "3", "g": "12", "b": "4000000"}
    if codec == "libx264":
        options["x264-params"] = "b-adapt=0"
    source = film(tmp_path / name, codec, "yuv420p", None, codec_options=options)
    every = VideoSpec(frames=25, window_s=5.0, max_windows=1, short_side=64, sound_rate=None)
    late = VideoSpec(frames=8, window_s=0.32, max_windows=2, short_side=64, sound_rate=None)
    format = detect(source).format
    (window,) = load_video(source, format, every).windows
    assert np.diff(window.times_s) == pytest.approx(np.full(24, 0.04), abs=0.002)
    grey = window.frames[:, 5:-5, -12:-4].mean((1, 2, 3))
    assert grey == pytest.approx([samples.grey_at(time) for time in window.times_s], abs=3)
    # After a seek, AVI may be a frame late.
    window = load_video(source, format, late).windows[-1]
    grey = window.frames[:, 5:-5, -12:-4].mean((1, 2, 3))
    assert (np.diff(window.times_s) >= 0).all()
    assert grey == pytest.approx([samples.grey_at(time) for time in window.times_s], abs=7)
