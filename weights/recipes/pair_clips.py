"""Renders video clips with sound from pictures and sounds of the same thing.

    python pair_clips.py pictures/ sounds/ clips/

A still picture under simulated camera motion (pan, zoom, tilt, shake), beside a sound of the same
class; they were not recorded together. Pictures and sounds keep their own splits, so nothing of
the val clips is in a train clip; a part of the training pictures and recordings is held out for the
clips that calibrate. Clips lie at clips/{train,held,val}/<class>/*.mkv.
"""

import argparse
import json
import random
import re
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

SIDE, FPS, SECONDS, RATE = 80, 8, 2.0, 16000


def camera_path(rng: random.Random, side: int) -> list[tuple[float, ...]]:
    """Per frame the corners (8 values) of the part of the picture that the camera sees."""
    starts = [rng.uniform(0.65, 1.0), rng.uniform(-1, 1), rng.uniform(-1, 1), rng.gauss(0, 5)]
    ends = [rng.uniform(0.65, 1.0), rng.uniform(-1, 1), rng.uniform(-1, 1), rng.gauss(0, 5)]
    shake = rng.uniform(0, 0.015)
    frames = round(FPS * SECONDS)
    corners = []
    for step in range(frames):
        t = step / (frames - 1)
        zoom, x, y, tilt = (a + (b - a) * t for a, b in zip(starts, ends, strict=True))
        free = (1 - zoom) / 2
        centre = np.array([0.5 + x * free, 0.5 + y * free])
        centre += [rng.gauss(0, shake), rng.gauss(0, shake)]
        angle = np.deg2rad(tilt)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        square = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * zoom / 2
        corners.append(tuple(((square @ turn.T + centre) * side).ravel()))
    return corners


def mirrored(picture: Image.Image) -> Image.Image:
    """The picture with mirrored margins, so that the camera never sees past an edge."""
    pixels = np.asarray(picture)
    margin = pixels.shape[0] // 2
    return Image.fromarray(np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), "reflect"))


def first_sample(rng: random.Random, samples: int) -> int:
    """Where a clip's sound begins in its recording; the first draw of the clip's generator."""
    return rng.randrange(max(1, samples - round(RATE * SECONDS) + 1))


def render(job: tuple[Path, Path, Path, int]) -> None:
    """Writes one clip."""
    picture_file, sound_file, target, seed = job
    rng = random.Random(seed)
    picture = Image.open(picture_file).convert("RGB")
    side = min(picture.size)
    picture = picture.crop((0, 0, side, side))
    wide = mirrored(picture)
    samples, rate = soundfile.read(sound_file, dtype="float32", always_2d=True)
    assert rate == RATE
    wanted = round(RATE * SECONDS)
    start = first_sample(rng, len(samples))
    wave = np.resize(samples.mean(1)[start : start + wanted], wanted)

    with av.open(str(target), "w") as container:
        video = container.add_stream("mpeg4", FPS, options={"qscale": "3"})
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("pcm_s16le", RATE, layout="mono")
        for corners in camera_path(rng, side):
            shifted = tuple(c + side // 2 for c in corners)
            view = wide.transform(
                (SIDE, SIDE), Image.Transform.QUAD, shifted, Image.Resampling.BICUBIC
            )
            container.mux(video.encode(av.VideoFrame.from_image(view)))
        container.mux(video.encode(None))
        whole = (np.clip(wave, -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(whole[None], "s16", "mono")
        frame.rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def sources(folders: list[Path], split: str) -> list[Path]:
    """The files that a split's clips are made of; 10 % of the recordings are held out."""
    files = sorted(f for folder in folders for f in folder.iterdir())
    if split == "val":
        return files
    groups = sorted({recording(f) for f in files})
    held = set(random.Random(0).sample(groups, max(1, len(groups) // 10)))
    return [f for f in files if (recording(f) in held) == (split == "held")]


def recording(file: Path) -> str:
    """What pieces of one recording have in common; of a picture, its whole name."""
    found = re.match(r"us8k_\d+|k20_\d+_[^_]+|esc_\d-\d+", file.stem)
    return found.group() if found else file.stem


def jobs(
    pictures: Path, sounds: Path, target: Path, split: str, count: int, photos: Path | None = None
) -> list:
    """(picture, sound, clip, seed) of one split, at most `count` clips a class."""
    rng = random.Random(split)
    classes = json.loads(Path(__file__).with_name("everyday.json").read_text())
    below = "val" if split == "val" else "train"
    found = []
    for name, parts in classes.items():
        picture_files = sources([pictures / below / w for w in parts["pictures"]], split)
        if photos and split == "train":
            picture_files += sorted(f for w in parts["pictures"] for f in photos.glob(f"{w}/*"))
        sound_files = sources([sounds / below / s for s in parts["sounds"]], split)
        folder = target / split / name.replace(" ", "_")
        folder.mkdir(parents=True, exist_ok=True)
        chosen = rng.sample(picture_files, min(count, len(picture_files)))
        for number, picture in enumerate(chosen):
            clip = folder / f"{number:04d}.mkv"
            found.append((picture, rng.choice(sound_files), clip, rng.randrange(2**32)))
    return found


def main() -> None:
    """Renders the three splits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--photos", type=Path, help="more pictures, PHOTOS/<class>/*, for training")
    parser.add_argument("--train", type=int, default=900)
    parser.add_argument("--held", type=int, default=30)
    parser.add_argument("--val", type=int, default=40)
    call = parser.parse_args()
    for split, count in (("train", call.train), ("held", call.held), ("val", call.val)):
        work = jobs(call.pictures, call.sounds, call.target, split, count, call.photos)
        with ProcessPoolExecutor() as pool:
            list(pool.map(render, work, chunksize=16))
        print(f"{split}: {len(work)} clips")


if __name__ == "__main__":
    main()
