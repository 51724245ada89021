"""Makes pictures of none of the classes: synthetic ones, screens and documents, textures.

    python make_unknown_pictures.py unknown_pictures/

200 of each in made_up/, screens/ and textures/, the same ones each time, for `perceiver evaluate
--unknown DIR`.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE, COUNT = 256, 200
WORDS = """the a of and to in is it for on with as at by from file open edit view help save print
total sum date name value report table chart figure north south east west year month week import
return class def self while true false none error line note result"""
Rng = np.random.Generator


def noise(rng: Rng) -> np.ndarray:
    """Of one grain size, in grey or in colour."""
    cells, channels = SIDE // int(rng.choice([1, 2, 4, 8])), int(rng.choice([1, 3]))
    grains = rng.integers(0, 256, (cells, cells, channels)).astype(np.uint8)
    return np.broadcast_to(np.kron(grains, np.ones((SIDE // cells,) * 2 + (1,))), (SIDE, SIDE, 3))


def gradient(rng: Rng) -> np.ndarray:
    """From one colour to another, straight or round."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle, first, second = rng.uniform(0, 6.3), *rng.uniform(0, 255, (2, 3))
    straight = (x * np.cos(angle) + y * np.sin(angle)) / 2.9 + 0.5
    share = straight if rng.random() < 0.5 else np.hypot(x, y) / 1.5
    return first + (second - first) * share[..., None]


def patches(rng: Rng) -> np.ndarray:
    """Rectangles of one colour each, over each other."""
    picture = np.full((SIDE, SIDE, 3), rng.uniform(0, 255, 3))
    for _ in range(rng.integers(5, 40)):
        top, left = rng.integers(0, SIDE, 2)
        height, width = rng.integers(8, SIDE // 2, 2)
        picture[top : top + height, left : left + width] = rng.uniform(0, 255, 3)
    return picture


def shuffle(rng: Rng) -> np.ndarray:
    """Squares of waves of colour, in a random order."""
    side = int(rng.choice([8, 16, 32]))
    across = SIDE // side
    squares = (
        waves(rng).reshape(across, side, across, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
    )
    mixed = squares[rng.permutation(len(squares))].reshape(across, across, side, side, 3)
    return mixed.swapaxes(1, 2).reshape(SIDE, SIDE, 3)


def waves(rng: Rng) -> np.ndarray:
    """Sums of a few sine waves in each channel."""
    y, x = np.mgrid[0 : 6.28 : SIDE * 1j, 0 : 6.28 : SIDE * 1j]
    channels = [
        sum(np.sin(x * a + y * b + c) for a, b, c in rng.uniform(-6, 6, (4, 3))) for _ in range(3)
    ]
    return 127 + 32 * np.stack(channels, -1)


def document(rng: Rng) -> np.ndarray:
    """A page of text."""
    page = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(230, 256, 3).tolist()))
    draw, size = ImageDraw.Draw(page), int(rng.integers(8, 16))
    _text(draw, rng, (16, 16, SIDE - 16, SIDE - 16), size, (20, 20, 30))
    return np.asarray(page)


def terminal(rng: Rng) -> np.ndarray:
    """Lines of text on a dark ground."""
    page = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(0, 45, 3).tolist()))
    ink = tuple(rng.integers(120, 256, 3).tolist())
    _text(ImageDraw.Draw(page), rng, (4, 4, SIDE - 4, SIDE - 4), int(rng.integers(8, 14)), ink)
    return np.asarray(page)


def windows(rng: Rng) -> np.ndarray:
    """A desktop with windows."""
    page = Image.new("RGB", (SIDE, SIDE), tuple(rng.integers(0, 200, 3).tolist()))
    draw = ImageDraw.Draw(page)
    for _ in range(rng.integers(1, 4)):
        left, top = rng.integers(0, SIDE // 2, 2).tolist()
        right, bottom = left + int(rng.integers(90, 200)), top + int(rng.integers(70, 180))
        draw.rectangle((left, top, right, bottom), (245, 245, 245), (90, 90, 90))
        draw.rectangle((left, top, right, top + 14), tuple(rng.integers(40, 220, 3).tolist()))
        _text(draw, rng, (left + 6, top + 20, right - 6, bottom - 6), 9, (30, 30, 30))
        draw.rectangle((right - 44, bottom - 16, right - 6, bottom - 5), (200, 210, 230))
    return np.asarray(page)


def chart(rng: Rng) -> np.ndarray:
    """Bars or lines over axes."""
    page = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(page)
    draw.line((30, 16, 30, SIDE - 30, SIDE - 16, SIDE - 30), "black", 2)
    heights = rng.uniform(20, SIDE - 60, int(rng.integers(4, 16)))
    places = np.linspace(40, SIDE - 30, len(heights))
    ink = tuple(rng.integers(0, 220, 3).tolist())
    if rng.random() < 0.5:
        for x, height in zip(places, heights, strict=True):
            draw.rectangle((x - 5, SIDE - 30 - height, x + 5, SIDE - 30), ink)
    else:
        draw.line([(x, SIDE - 30 - h) for x, h in zip(places, heights, strict=True)], ink, 3)
    _text(draw, rng, (60, 2, SIDE - 20, 14), 10, (0, 0, 0))
    return np.asarray(page)


def stripes(rng: Rng) -> np.ndarray:
    """Or a grid of them, a little uneven."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + rng.normal(0, 0.6, (2, SIDE, SIDE))
    angle, step = rng.uniform(0, 3.14), rng.uniform(4, 24)
    share = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 6.28 / step)
    if rng.random() < 0.5:
        share = share * np.sin((y * np.cos(angle) - x * np.sin(angle)) * 6.28 / step)
    return _between(rng, share / 2 + 0.5)


def clouds(rng: Rng) -> np.ndarray:
    """Noise whose spectrum falls, as stone, water, clouds and rust have it."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij"))
    spectrum = np.fft.rfft2(rng.normal(size=(SIDE, SIDE)))
    field = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / SIDE) ** rng.uniform(0.6, 2))
    return _between(rng, (field - field.min()) / np.ptp(field))


def cells(rng: Rng) -> np.ndarray:
    """Each place by its distance from the nearest of some points: scales, pebbles, leather."""
    points = rng.uniform(0, SIDE, (int(rng.integers(20, 200)), 2))
    places = np.stack(np.mgrid[0:SIDE, 0:SIDE], -1).reshape(-1, 1, 2)
    nearest = np.concatenate(
        [np.linalg.norm(part - points, axis=2).min(1) for part in np.array_split(places, 64)]
    )
    return _between(rng, (nearest / nearest.max()).reshape(SIDE, SIDE))


def weave(rng: Rng) -> np.ndarray:
    """Threads over and under each other."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    step = int(rng.choice([4, 8, 16]))
    over = (x // step + y // step) % 2
    share = np.where(over, np.sin(x % step / step * 3.14), np.sin(y % step / step * 3.14))
    return _between(rng, np.clip(share + rng.normal(0, 0.08, share.shape), 0, 1))


def _between(rng: Rng, share: np.ndarray) -> np.ndarray:
    first, second = rng.uniform(0, 255, (2, 3))
    return first + (second - first) * share[..., None]


def _text(draw: ImageDraw.ImageDraw, rng: Rng, box, size: int, ink) -> None:
    font = ImageFont.load_default(size)
    left, top, right, bottom = box
    while top + size <= bottom:
        line = " ".join(rng.choice(WORDS.split(), int(rng.integers(1, 9))))
        while line and draw.textlength(line, font) > right - left:
            line = line[:-1]
        draw.text((left, top), line, ink, font)
        top += round(1.4 * size)


SETS: dict[str, tuple[Callable[[Rng], np.ndarray], ...]] = {
    "made_up": (noise, gradient, patches, shuffle),
    "screens": (document, terminal, windows, chart),
    "textures": (stripes, clouds, cells, weave),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    call = parser.parse_args()
    for name, makers in SETS.items():
        folder = call.output / name
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for number in range(COUNT):
            make = makers[number % len(makers)]
            pixels = np.clip(make(rng), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{make.__name__}_{number:03}.png")
