"""Hyperparameters of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of a training.

    Attributes:
        minutes: Time limit; None for no limit.
        steps: Limit of steps; None for no limit. The training ends at the first limit reached.
        batch_size: Items per step.
        rate: Peak learning rate.
        decay: Weight decay.
        balance: How classes are sampled: 0 in proportion to their files, 1 all equally often.
        mixup: Probability of a mixed batch.
        smoothing: Label smoothing.
        ema_decay: Decay of the moving average of the weights, which the checkpoint contains.
        precision: "float32" or "bfloat16".
        latent_share: Share of the latents that a step uses, drawn at random, except in the last
            tenth of the training. It makes steps faster, as FLIP's dropped patches do (Li et al.
            2023).
        element_share: Share of every stream's elements that a step uses, drawn in the same way.
        teacher_share: Share of each target that comes from the teacher's logits, if there are any.
        feature_weight: Weight of the feature loss, if the teacher has features: see
            feature_loss.py.
        seed: Seed of all random numbers.
    """

    minutes: float | None = None
    steps: int | None = None
    batch_size: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    balance: float = 0.5
    mixup: float = 0.3
    smoothing: float = 0.1
    ema_decay: float = 0.999
    precision: str = "float32"
    latent_share: float = 1.0
    element_share: float = 1.0
    teacher_share: float = 0.5
    feature_weight: float = 1.0
    seed: int = 0
