"""A pretrained picture network, fine-tuned on files from a linear head on its features."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

SIDE, CELLS = 160, 3
BATCH, RATE, DECAY = 256, 4e-4, 0.02


class FineTuned:
    """A network and a head that learn together.

    Args:
        network: Its `extract_features` maps pictures [B, 3, SIDE, SIDE] in [-1, 1] to [B, F, h, w].
        head: Linear layer on the mean features.
        device: Where they learn.
    """

    def __init__(self, network: torch.nn.Module, head: torch.nn.Linear, device: str) -> None:
        self.device = torch.device(device)
        self.network = network.requires_grad_(True).to(self.device)
        self.head = head.requires_grad_(True).to(self.device)

    def fit(self, files: list[Path], classes: Tensor, steps: int, seed: int) -> None:
        """Trains on random views of random files.

        Args:
            files: The pictures.
            classes: Their classes, int [files].
            steps: Steps of at most BATCH views.
            seed: Seed of the random choices.
        """
        torch.manual_seed(seed)
        rng = random.Random(seed)
        self.network.train()
        parameters = [*self.network.parameters(), *self.head.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min(1, 10 * step / steps + 0.02) * (1 - step / steps)
        )
        for step in range(steps):
            drawn = [rng.randrange(len(files)) for _ in range(min(BATCH, len(files)))]
            jobs = [(files[index], rng.randrange(2**32)) for index in drawn]
            with self._autocast():
                features = self.network.extract_features(self._read(_random_view, jobs))
                logits = self.head(features.mean((2, 3)))
            loss = functional.cross_entropy(logits.float(), classes[drawn].to(self.device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            if step % 50 == 0:
                print(f"step {step} of {steps}, loss {float(loss.detach()):.3f}", flush=True)

    @torch.no_grad()
    def logits(self, files: list[Path]) -> np.ndarray:
        """Logits of CELLS x CELLS cells of whole pictures.

        Args:
            files: The pictures.

        Returns:
            float16 [files, classes, CELLS, CELLS].
        """
        self.network.eval()
        weight = self.head.weight[:, :, None, None]
        found = []
        for start in range(0, len(files), BATCH):
            jobs = [(file,) for file in files[start : start + BATCH]]
            with self._autocast():
                features = self.network.extract_features(self._read(_whole, jobs))
                cells = functional.adaptive_avg_pool2d(features, CELLS)
                found.append(functional.conv2d(cells, weight, self.head.bias).half().cpu().numpy())
        return np.concatenate(found)

    def _read(self, read: Callable[..., np.ndarray], jobs: list[tuple]) -> Tensor:
        """Pictures on the device, read by threads."""
        with ThreadPoolExecutor() as pool:
            pixels = np.stack(list(pool.map(read, *zip(*jobs, strict=True))))
        return torch.from_numpy(pixels).to(self.device, memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)


def in_range(picture: Image.Image, light: float = 1.0) -> np.ndarray:
    """float32 [3, h, w] in [-1, 1]; `light` is a factor on the brightness."""
    pixels = np.asarray(picture, np.float32).transpose(2, 0, 1)
    return (pixels * light).clip(0, 255) / 127.5 - 1


def _whole(file: Path) -> np.ndarray:
    picture = Image.open(file).convert("RGB")
    return in_range(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _random_view(file: Path, seed: int) -> np.ndarray:
    """A random part of at least half of the area, perhaps mirrored, in another light."""
    rng = random.Random(seed)
    picture = Image.open(file).convert("RGB")
    share = rng.uniform(0.5, 1) ** 0.5
    width, height = share * picture.width, share * picture.height
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    box = (left, top, left + width, top + height)
    view = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
    if rng.random() < 0.5:
        view = ImageOps.mirror(view)
    return in_range(view, rng.uniform(0.7, 1.3))
