"""What every augmentation offers: arrays of a batch in, features and soft targets out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from perceiver_cli.adapters.base import Adapter


class Augment(ABC):
    """Arrays and targets of one batch -> features and targets.

    Where `guided`, "teacher_features" [B, F, h, w] among the arrays are appended to the targets.
    """

    guided = False

    def __init__(self, adapter: Adapter, mixup: float, taught: float = 0.5) -> None:
        self.adapter = adapter
        self.mixup = mixup
        self.taught = taught

    @abstractmethod
    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features of the changed batch, and its targets [B, classes]."""
