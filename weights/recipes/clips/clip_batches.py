"""Rendered clips on the training's device, with sounds of the same kind drawn for every batch."""

import math
from pathlib import Path

import numpy as np
import soundfile
import torch
from pair_clips import RATE, SECONDS, sources
from PIL import Image
from render import READ, SHOWN, render
from teach_clips import EVERYDAY, KINDS, Known
from teach_sounds_efficientat import HOP, WINDOWS
from torch import Tensor

SAMPLES = round(RATE * SECONDS)
RENDER_BATCH = 256


class Sounds:
    """Recordings of every kind, one behind the other, and what their teacher says.

    Args:
        folder: The sounds, train/<class>/*. What pair_clips.py holds out is left out.
        teacher: Logits of all of them.
        device: Where they are kept.

    Attributes:
        samples: int16 [all samples], at RATE.
        starts, lengths: int [recordings], in samples.
        firsts, counts: int [kinds], which recordings are a kind's.
        logits: float [recordings, kinds, windows of 2 seconds], HOP samples apart.
    """

    def __init__(self, folder: Path, teacher: Known, device: torch.device) -> None:
        waves, logits, counts = [], [], []
        for kind in KINDS:
            files = sources([folder / "train" / name for name in EVERYDAY[kind]["sounds"]], "train")
            waves += [read_sound(file) for file in files]
            logits += [teacher.kinds(teacher.of(file)[:, 0]) for file in files]
            counts.append(len(files))
        self.samples = torch.from_numpy(np.concatenate(waves)).to(device)
        self.logits = torch.from_numpy(np.stack(logits)).to(device)
        self.lengths = torch.tensor([len(wave) for wave in waves], device=device)
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.counts = torch.tensor(counts, device=device)
        self.firsts = self.counts.cumsum(0) - self.counts

    def draw(self, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Draws two seconds of a recording of each kind; shorter ones are repeated.

        Args:
            kinds: int [B].

        Returns:
            Samples, float [B, SAMPLES], and the teacher's logits, float [B, kinds, 1, 1].
        """
        chance, place = torch.rand(2, len(kinds), device=kinds.device)
        which = self.firsts[kinds] + (chance * self.counts[kinds]).long()
        lengths = self.lengths[which]
        free = (lengths - SAMPLES).clamp_min(0)
        first = torch.minimum((place * (free + 1)).long(), free)
        offsets = torch.arange(SAMPLES, device=kinds.device) % lengths.unsqueeze(1)
        samples = self.samples[(self.starts[which] + first).unsqueeze(1) + offsets]
        window = (first / HOP).round().long().clamp_max(WINDOWS - 1)
        return samples.float() / 32768, self.logits[which, :, window, None, None]


def read_sound(file: Path) -> np.ndarray:
    """int16 [samples] of a recording, as pair_clips.py stores them."""
    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    assert rate == RATE
    return (np.clip(samples.mean(1), -1, 1) * 32767).astype(np.int16)


class Clips:
    """The arrays of clips, in place of RandomRows.

    Args:
        frames: uint8 [clips, frames, S, S, 3].
        logits: What the pictures' teacher says, float [clips, kinds].
        kinds: int [clips].
        sounds: What is heard.
        motionless: Share of the clips that show one of their frames all the time.
    """

    def __init__(
        self,
        frames: Tensor,
        logits: Tensor,
        kinds: Tensor,
        sounds: Sounds,
        motionless: float = 0.0,
    ) -> None:
        self.frames, self.logits, self.kinds, self.sounds = frames, logits, kinds, sounds
        self.motionless = motionless

    def __getitem__(self, rows: Tensor) -> dict[str, Tensor]:
        """The arrays of some clips [B], each with another sound of its kind every time."""
        samples, heard = self.sounds.draw(self.kinds[rows])
        frames = self.frames[rows]
        shown = torch.randint(frames.shape[1], (len(rows),), device=rows.device)
        still = torch.rand(len(rows), device=rows.device) < self.motionless
        frames[still] = frames[still, shown[still]].unsqueeze(1)
        return {
            "video": frames,
            "audio": samples,
            "teacher": self.logits[rows, :, None, None],
            "teacher_audio": heard,
        }


def pictures_by_kind(pictures: Path, paired: Path) -> dict[int, list[Path]]:
    """The pictures of every kind, and of none at -1.

    Args:
        pictures: The pictures, train/<class>/*.
        paired: Pictures that pair_clips.py was called with. What it holds out is left out.
    """
    kind_of = {name: kind for kind, own in enumerate(KINDS) for name in EVERYDAY[own]["pictures"]}
    held = set()
    for kind in KINDS:
        folders = [paired / "train" / name for name in EVERYDAY[kind]["pictures"]]
        held |= {(file.parent.name, file.name) for file in sources(folders, "held")}
    by_kind: dict[int, list[Path]] = {kind: [] for kind in (*range(len(KINDS)), -1)}
    for file in sorted((pictures / "train").glob("*/*")):
        if (file.parent.name, file.name) not in held:
            by_kind[kind_of.get(file.parent.name, -1)].append(file)
    return by_kind


def shares_of_kinds(by_kind: dict[int, list[Path]], others: float) -> dict[int, float]:
    """How often a kind is shown: the more pictures, the more often, by the fourth root.

    Args:
        by_kind: See pictures_by_kind.
        others: Share of the pictures of no kind, at -1.
    """
    weights = {kind: len(files) ** 0.25 for kind, files in by_kind.items() if kind >= 0}
    total = sum(weights.values())
    return {kind: (1 - others) * weight / total for kind, weight in weights.items()} | {-1: others}


def chosen_pictures(
    by_kind: dict[int, list[Path]], clips: int, others: float, rng: np.random.Generator
) -> list[tuple[Path, int]]:
    """Which pictures clips are rendered of. The pictures of a kind are used equally often.

    Args:
        by_kind: See pictures_by_kind.
        clips: Number of clips; one for each kind may be added by rounding.
        others: Share of the clips that show a picture of no kind.
        rng: Draws them.

    Returns:
        (picture, kind, or -1 for none), in random order.
    """
    shares = shares_of_kinds(by_kind, others)
    found = []
    for kind, files in by_kind.items():
        count = round(others * clips) if kind < 0 else math.ceil(shares[kind] * clips)
        rounds = -(-count // max(1, len(files)))
        order = [row for _ in range(rounds) for row in rng.permutation(len(files))]
        found += [(files[row], kind) for row in order[:count]]
    return [found[row] for row in rng.permutation(len(found))]


def rendered(files: list[Path], teacher: Known, device: torch.device) -> tuple[Tensor, Tensor]:
    """Renders a clip of each picture.

    Args:
        files: Square pictures of the same size.
        teacher: Logits of all of them.
        device: Where they are rendered and kept.

    Returns:
        Frames, uint8 [files, shown frames, READ, READ, 3], and the teacher's logits, float
        [files, kinds]: means over the picture.
    """
    frames = torch.empty(len(files), len(SHOWN), READ, READ, 3, dtype=torch.uint8, device=device)
    logits = torch.empty(len(files), len(KINDS), device=device)
    with torch.no_grad(), device:
        for start in range(0, len(files), RENDER_BATCH):
            some = files[start : start + RENDER_BATCH]
            pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in some])
            said = np.stack([teacher.of(file).mean((1, 2)) for file in some], 1)
            rows = slice(start, start + len(some))
            frames[rows] = render(torch.from_numpy(pixels).to(device))
            logits[rows] = torch.from_numpy(teacher.kinds(said).T).to(device)
    return frames, logits
