"""Makes synthetic shapes and sounds of no class, to measure how often a model is unsure of them.

    python make_unknown.py unknown_shapes/ unknown_sounds/

200 of each, for `perceiver evaluate --unknown DIR`.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile

RATE, SAMPLES, POINTS = 16000, 48000, 1024

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("shapes", type=Path)
parser.add_argument("sounds", type=Path)
call = parser.parse_args()
call.shapes.mkdir(parents=True, exist_ok=True)
call.sounds.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
seconds = np.arange(SAMPLES) / RATE

for number in range(200):
    shape = ("cloud", "box", "walk", "lumps")[number % 4]
    if shape == "cloud":
        points = rng.normal(size=(POINTS, 3))
    elif shape == "box":
        points = rng.uniform(-1, 1, (POINTS, 3))
    elif shape == "walk":
        points = np.cumsum(rng.normal(size=(POINTS, 3)), 0)
    else:
        middles = rng.uniform(-1, 1, (8, 3))
        points = middles[rng.integers(0, 8, POINTS)] + 0.1 * rng.normal(size=(POINTS, 3))
    np.save(call.shapes / f"{shape}_{number:03}.npy", points.astype(np.float32))

    sound = ("white", "coloured", "tones", "sweep")[number % 4]
    if sound == "white":
        wave = rng.normal(size=SAMPLES)
    elif sound == "coloured":
        spectrum = np.fft.rfft(rng.normal(size=SAMPLES))
        falling = np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0.3, 1.2)
        wave = np.fft.irfft(spectrum / falling)
    elif sound == "tones":
        wave = sum(
            np.sin(2 * np.pi * rng.uniform(100, 5000) * seconds + rng.uniform(0, 6))
            for _ in range(rng.integers(1, 4))
        )
    else:
        base = rng.uniform(200, 4000)
        wobble = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.2, 20) * seconds)
        wave = np.sin(2 * np.pi * np.cumsum(base * wobble) / RATE)
    loud = (0.3 * wave / np.abs(wave).max()).astype(np.float32)
    soundfile.write(call.sounds / f"{sound}_{number:03}.flac", loud, RATE)
