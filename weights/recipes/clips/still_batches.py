"""Batches of still pictures between those of clips: one time of a clip, so each costs a fourth.

Pictures are augmented as those of picture weights are, and their teacher's answers with them, so
that the model keeps what the picture weights know of single pictures.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from clip_batches import shares_of_kinds
from PIL import Image
from render import JPEG, READ
from teach_clips import KINDS, Known
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters import build_adapter
from perceiver_cli.preparation.resampling import centre_square, read_square
from perceiver_cli.training.augment.image import ImageAugmentation
from perceiver_cli.training.batches import Batch, Batches

STILLS_PER_CLIP = 3  # a batch of stills has as many times the items of a batch of clips


class Stills:
    """Pictures, and what their teacher says.

    Args:
        by_kind: The pictures of every kind, and of none at -1; see clip_batches.pictures_by_kind.
        others: Share of the draws that show a picture of no kind.
        teacher: Logits of all of them.
        device: Where they are kept.

    Attributes:
        pixels: uint8 [pictures, READ, READ, 3], as the model reads them.
        logits: float16 [pictures, kinds, h, w].
        kinds: int [pictures]; of a picture of none the one that the teacher finds most likely.
        weights: float64 [pictures], how often each is drawn.
    """

    def __init__(
        self, by_kind: dict[int, list[Path]], others: float, teacher: Known, device: torch.device
    ) -> None:
        files = [(file, kind) for kind, own in by_kind.items() for file in own]
        self.pixels = torch.empty(len(files), READ, READ, 3, dtype=torch.uint8, device=device)
        grid = teacher.logits.shape[2:]
        self.logits = torch.empty(len(files), len(KINDS), *grid, dtype=torch.float16, device=device)
        for row, (file, _) in enumerate(files):
            self.pixels[row] = torch.tensor(read_still(file))
            self.logits[row] = torch.from_numpy(teacher.kinds(teacher.of(file)))
        kinds = torch.tensor([kind for _, kind in files], device=device)
        likely = self.logits.float().mean((2, 3)).argmax(1)
        self.kinds = torch.where(kinds >= 0, kinds, likely)
        shares = shares_of_kinds(by_kind, others)
        weights = [shares[kind] / len(by_kind[kind]) for _, kind in files]
        self.weights = torch.tensor(weights, dtype=torch.float64, device=device)


def read_still(file: Path) -> np.ndarray:
    """uint8 [READ, READ, 3]: the middle square of a picture, as everyday-av reads a frame."""
    with Image.open(file) as picture:
        pixels = np.array(picture.convert("RGB"))
    square = centre_square(*pixels.shape[:2], 1.0, round_up=False)
    return read_square(pixels, square, READ, "bicubic", crop=1.0, jpeg=JPEG)


class ClipAndStillBatches(Batches):
    """Batches of clips, and a share of batches of stills, each at one random time of a clip.

    Attributes:
        stills: The pictures; None: clips alone.
        share: Share of the batches that show stills.
    """

    stills: Stills | None = None
    share: float = 0.0

    def draw(self, step: int, progress: float) -> Batch:
        """See Batches."""
        if self.stills is not None:
            torch.manual_seed(self.hyperparameters.seed * 7_000_003 + step)
            if float(torch.rand(())) < self.share:
                with self.on_device(), torch.no_grad():
                    return self._draw_stills(self.stills, progress)
        return super().draw(step, progress)

    @cached_property
    def _augment_still(self) -> ImageAugmentation:
        options, recipe = self.hyperparameters, self.adapter.recipe
        shared = {name: getattr(recipe, name) for name in ("size", "mean", "std", "chroma")}
        as_pictures = build_adapter({"modality": "image", **shared})
        return ImageAugmentation(as_pictures, options.mixup, options.teacher_share)

    def _draw_stills(self, stills: Stills, progress: float) -> Batch:
        count = STILLS_PER_CLIP * self.hyperparameters.batch_size
        rows = torch.multinomial(stills.weights, count, replacement=True)
        targets = functional.one_hot(stills.kinds[rows], len(KINDS)).float()
        arrays = {"image": stills.pixels[rows], "teacher": stills.logits[rows].float()}
        augmented = self._augment_still(arrays, targets)
        elements = {"video": self.at_one_time(augmented.features["image"])}
        return self.reduced(elements, augmented.targets, None, progress)

    def at_one_time(self, frames: Tensor) -> Tensor:
        """The elements that stills have at a random one of the model's T times of a clip.

        Args:
            frames: Features, float [B, 3, S, S].

        Returns:
            [B, M / T, C].
        """
        steps, *sides = self.adapter.grid
        cells = sides[0] * sides[1]
        first = int(torch.randint(steps, ())) * cells
        values = self.adapter.values(
            frames.unsqueeze(2).expand(-1, -1, self.adapter.patch[0], -1, -1)
        )
        positions = self.adapter.positions[first : first + cells]
        return torch.cat([values, positions.expand(len(values), -1, -1)], -1)
