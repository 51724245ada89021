"""The interface of augmentations: a batch of arrays in, features and soft targets out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from perceiver_cli.adapters.base import Adapter


@dataclass(frozen=True)
class Augmented:
    """A batch after its augmentation.

    Attributes:
        features: Stream -> result of the adapter's `features`.
        targets: Soft targets [B, classes].
        teacher_features: A teacher's features for the part of each item that is kept, [B, F]; None
            if they are not used.
    """

    features: dict[str, Tensor]
    targets: Tensor
    teacher_features: Tensor | None = None


class Augmentation(ABC):
    """Augments batches with random changes.

    Attributes:
        adapter: Whose features are returned.
        mixup_probability: Probability that a batch is mixed with itself (Zhang et al. 2018).
        teacher_share: Share of each target that comes from the teacher's logits, if the arrays
            have them.
        reads_teacher_features: Whether "teacher_features" among the arrays are used.
    """

    reads_teacher_features = False

    def __init__(
        self, adapter: Adapter, mixup_probability: float, teacher_share: float = 0.5
    ) -> None:
        self.adapter = adapter
        self.mixup_probability = mixup_probability
        self.teacher_share = teacher_share

    @abstractmethod
    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """Augments a batch.

        Args:
            arrays: Stream -> array as the cache has it, [B, ...]. "teacher": a teacher's logits
                [B, classes, h, w], if there is one; "teacher_features": its features
                [B, F, h, w]; "teacher_audio": the logits of a teacher for the sound of a video.
            targets: Soft targets [B, classes].

        Returns:
            The augmented batch.
        """
