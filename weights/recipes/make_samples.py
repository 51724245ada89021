"""Makes the samples that `perceiver demo` classifies, from one CC0 photo and nothing else.

    python make_samples.py chelsea.png ../../perceiver_cli/samples/

chelsea.png is Stefan van der Walt's photo of his cat, CC0, as scikit-image ships it. The tune, the
chair and the camera motion are computed here.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import trimesh
from PIL import Image

RATE = 16000


def voice(pitch: float, seconds: float, overtones: int, fall: float) -> np.ndarray:
    """A tone with overtones that starts softly and dies away at `fall` per second."""
    t = np.arange(round(RATE * seconds)) / RATE
    tone = sum(np.sin(2 * np.pi * pitch * h * t) / h**1.4 for h in range(1, overtones))
    return np.minimum(1, t / 0.02) * np.exp(-fall * t) * tone


def tune() -> np.ndarray:
    """Four bars of a band: chords, a melody and brushed drums, float32 mono, 4 s."""
    rng = np.random.default_rng(0)
    chords = [(131, 196, 262, 330), (98, 196, 247, 294), (110, 220, 262, 330), (87, 175, 220, 262)]
    melody = [523, 659, 587, 494, 523, 440, 494, 392, 440, 523, 494, 440, 349, 392, 440, 523]
    bars = [0.1 * sum(voice(pitch, 1.0, 8, 0.6) for pitch in chord) for chord in chords]
    samples = np.concatenate(bars)
    samples += np.concatenate([0.25 * voice(pitch, 0.25, 10, 4.0) for pitch in melody])
    brush = np.exp(-np.arange(RATE // 4) / 250)
    for beat in range(16):
        where = slice(beat * RATE // 4, (beat + 1) * RATE // 4)
        samples[where] += (0.1 if beat % 2 else 0.2) * brush * rng.standard_normal(RATE // 4)
    return (0.7 * samples / np.abs(samples).max()).astype(np.float32)


def meow(seconds: float) -> np.ndarray:
    """A cat's call: a harmonic voice whose pitch and mouth glide up and down, float32 mono."""
    samples = np.zeros(round(RATE * seconds))
    length = round(0.8 * RATE)
    t = np.linspace(0, 1, length)
    pitch = 480 + 260 * np.sin(np.pi * t**0.7)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    mouth = 900 + 900 * np.sin(np.pi * t)
    voice = sum(
        np.exp(-(((k * pitch - mouth) / 900) ** 2)) * np.sin(k * phase) for k in range(1, 12)
    )
    call = voice * np.sin(np.pi * t) ** 0.6
    for start in (0.2, 1.4):
        first = round(start * RATE)
        samples[first : first + length] += 0.5 * call / np.abs(call).max()
    rng = np.random.default_rng(3)
    return (samples + 0.002 * rng.standard_normal(len(samples))).astype(np.float32)


def chair() -> trimesh.Trimesh:
    """A plain chair of boxes, z up, metres."""
    seat, back = ((0.45, 0.45, 0.04), (0, 0, 0.45)), ((0.45, 0.04, 0.5), (0, 0.205, 0.72))
    legs = [((0.04, 0.04, 0.45), (x, y, 0.215)) for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    parts = [seat, back, *legs]
    boxes = [
        trimesh.creation.box(extents, trimesh.transformations.translation_matrix(place))
        for extents, place in parts
    ]
    return trimesh.util.concatenate(boxes)


def film(target: Path, photo: Image.Image, sound: np.ndarray | None) -> None:
    """2.5 s of slow camera motion over the photo, with sound or without."""
    with av.open(str(target), "w") as container:
        video = container.add_stream("libx264", 10, options={"preset": "slow", "crf": "26"})
        video.width = video.height = 160
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", RATE, layout="mono") if sound is not None else None
        side = min(photo.size)
        for step in range(25):
            zoom = (1.0 - 0.008 * step) * side
            left = (photo.width - zoom) / 2 + 1.5 * (step - 12)
            top = (photo.height - zoom) / 2
            view = photo.resize(
                (160, 160), Image.Resampling.BICUBIC, (left, top, left + zoom, top + zoom)
            )
            container.mux(video.encode(av.VideoFrame.from_image(view)))
        container.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
            frame.rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("photo", type=Path)
parser.add_argument("target", type=Path)
call = parser.parse_args()

cat = Image.open(call.photo).convert("RGB")
call.target.mkdir(parents=True, exist_ok=True)
cat.save(call.target / "cat.jpg", quality=85)
soundfile.write(call.target / "tune.ogg", tune(), RATE)
chair().export(call.target / "chair.ply")
film(call.target / "cat-silent.mp4", cat, None)
film(call.target / "cat-calling.mp4", cat, meow(2.5))
