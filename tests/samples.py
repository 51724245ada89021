"""Makers of real files of every kind, small enough to be made in the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

SIDE = 96

# Containers with pictures and sound: file name, format, options of make_av.
AV_CONTAINERS = [
    ("a.mp4", "mp4", {}),
    ("a.mov", "mov", {}),
    ("a.mkv", "mkv", {}),
    ("a.webm", "webm", {"pictures": "libvpx-vp9", "sound": "libopus"}),
    ("a.avi", "avi", {"pictures": "mpeg4", "sound": "libmp3lame"}),
    ("a.mpg", "mpeg", {"pictures": "mpeg2video", "sound": "mp2"}),
    ("a.ts", "ts", {}),
    ("a.flv", "flv", {}),
]


def picture_array(width: int = 64, height: int = 48) -> np.ndarray:
    """uint8 [height, width, 3]: red top left, green top right, blue below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :] = (0, 0, 255)
    return pixels


def make_picture(path: Path, width: int = 64, height: int = 48, **options) -> Path:
    """picture_array in the format of the path's name."""
    from PIL import Image

    Image.fromarray(picture_array(width, height)).save(path, **options)
    return path


def make_animation(path: Path, durations_ms: list[int], **options) -> Path:
    """An animated picture whose frame i is grey of level 20 * i."""
    from PIL import Image

    frames = [Image.new("RGB", (64, 48), (20 * i,) * 3) for i in range(len(durations_ms))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations_ms, **options)
    return path


def sweep(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """float32 [S, channels]: at time t a tone of 200 + 100 t hertz, so that pitch tells time."""
    t = np.arange(round(seconds * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * (200 * t + 50 * t**2))
    return np.repeat(tone[:, None], channels, axis=1).astype(np.float32)


def pitch(samples: np.ndarray, rate: int) -> float:
    """The strongest frequency in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


def make_sound(
    path: Path, seconds: float = 1.0, rate: int = 22050, channels: int = 1, **options
) -> Path:
    """A sweep written by soundfile in the format of the path's name (or format=, subtype=)."""
    import soundfile

    soundfile.write(path, sweep(seconds, rate, channels), rate, **options)
    return path


def make_sound_with_gap(path: Path, seconds: float, start_s: float, end_s: float) -> Path:
    """A WAV file of a sweep at 8 kHz, whose samples from start_s to end_s are not numbers."""
    import soundfile

    samples = sweep(seconds, 8000)
    samples[round(start_s * 8000) : round(end_s * 8000)] = np.nan
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    return path


def make_av(
    path: Path,
    seconds: float = 2.0,
    rate: int = 25,
    pictures: str | None = "libx264",
    sound: str | None = "aac",
    format: str | None = None,
    rotation: int = 0,
    times_ms: list[int] | None = None,
    cover: bool = False,
    sound_rate: int = 48000,
    sound_seconds: float | None = None,
    options: dict[str, str] | None = None,
    gains: tuple[float, float] = (1, 1),
    sound_tracks: int = 1,
) -> Path:
    """A container written by PyAV: frames whose grey is grey_at, with a sweep as sound.

    The left third of every frame is red. pictures and sound name codecs, None leaves them out;
    times_ms gives every frame its own time; cover adds attached cover art;
    gains: of the sound's two channels.
    """
    import av

    with av.open(str(path), "w", format=format, options=options or {}) as container:
        video = art = None
        audios = []
        if pictures:
            video = container.add_stream(pictures, rate=rate)
            video.width, video.height, video.pix_fmt = SIDE, SIDE * 2 // 3, "yuv420p"
            if times_ms:
                video.codec_context.time_base = Fraction(1, 1000)
            if rotation:
                video.set_display_rotation(rotation)
        for _ in range(sound_tracks if sound else 0):
            audios.append(container.add_stream(sound, rate=sound_rate, layout="stereo"))
            audios[-1].bit_rate = 128_000  # some encoders have no usual one
        if cover:
            art = container.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        if video:
            stamps = times_ms or [round(1000 * i / rate) for i in range(round(seconds * rate))]
            for stamp in stamps:
                frame = av.VideoFrame.from_ndarray(grey_frame(stamp / 1000), format="rgb24")
                frame.pts, frame.time_base = stamp, Fraction(1, 1000)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for audio in audios:
            encode_sweep(container, audio, sound_seconds or seconds, sound_rate, gains)
        if art:
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 200, np.uint8), format="rgb24")
            container.mux(art.encode(frame))
            container.mux(art.encode(None))
    return path


def grey_at(time_s: float) -> int:
    """The grey of make_av's frame at a time: it rises for two seconds, falls for two, and so on."""
    phase = time_s % 4
    return 20 + round(100 * (phase if phase < 2 else 4 - phase))


def grey_frame(time_s: float) -> np.ndarray:
    pixels = np.full((SIDE * 2 // 3, SIDE, 3), grey_at(time_s), np.uint8)
    pixels[:, : SIDE // 3] = (255, 0, 0)
    return pixels


def encode_sweep(container, stream, seconds: float, rate: int, gains: tuple[float, float]) -> None:
    import av

    samples = (sweep(seconds, rate, 2) * np.array(gains, np.float32)).T
    step = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(
        format=stream.codec_context.format, layout="stereo", rate=rate, frame_size=step
    )
    for start in range(0, samples.shape[1], step):
        block = np.ascontiguousarray(samples[:, start : start + step])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
    for part in resampler.resample(None):
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def make_mesh(path: Path, **options) -> Path:
    """A box of 1 x 2 x 3 (z longest), written by trimesh in the format of the path's name."""
    import trimesh

    trimesh.creation.box((1, 2, 3)).export(path, **options)
    return path


def cloud_array(count: int = 500, seed: int = 0) -> np.ndarray:
    """float64 [count, 3] within a box of 1 x 2 x 3."""
    return np.random.default_rng(seed).uniform(0, (1, 2, 3), (count, 3))


def make_text_cloud(
    path: Path, count: int = 500, separator: str = " ", header: str = "", extra: int = 0
) -> Path:
    """cloud_array as text, with `extra` further columns."""
    rows = np.hstack([cloud_array(count), np.ones((count, extra))])
    lines = [separator.join(f"{value:.6f}" for value in row) for row in rows]
    path.write_text("\n".join([header, *lines] if header else lines) + "\n")
    return path
