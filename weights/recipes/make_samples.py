"""Makes the samples that `perceiver demo` classifies, from two CC0 photos and nothing else.

    python make_samples.py photos/ ../../perceiver_cli/samples/

photos/ holds coffee.png, Rachel Michetti's photo of a cup of coffee, and chelsea.png, Stefan van
der Walt's of his cat, both CC0, as scikit-image ships them. The rest is computed here.
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


def sea() -> np.ndarray:
    """Waves that come in and run out: noise without highs that swells and falls, float32 mono."""
    rng = np.random.default_rng(0)
    count = 4 * RATE
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    hiss = np.fft.irfft(spectrum / (1 + (hertz / 1500) ** 2), count)
    wave = np.clip(np.sin(2 * np.pi * np.arange(count) / RATE / 3.7 - 1), 0, 1) ** 1.5
    samples = hiss * (0.15 + wave)
    return (0.6 * samples / np.abs(samples).max()).astype(np.float32)


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
parser.add_argument("photos", type=Path)
parser.add_argument("target", type=Path)
call = parser.parse_args()

coffee, cat = (Image.open(call.photos / f"{n}.png").convert("RGB") for n in ("coffee", "chelsea"))
call.target.mkdir(parents=True, exist_ok=True)
coffee.save(call.target / "coffee.jpg", quality=80)
soundfile.write(call.target / "sea.ogg", sea(), RATE)
chair().export(call.target / "chair.ply")
film(call.target / "cat-calling.mp4", cat, meow(2.5))
film(call.target / "cat-silent.mp4", cat, None)
