"""Whether an input is like those that a model was trained on.

One Gaussian is fitted to the mean latent after the first repeat, and kept in the checkpoint's
header: float16, as text. The distance is Mahalanobis', squared and divided by the width, so that
it is about 1 for familiar inputs.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# A wider model's statistics would take more than 100 KB of the checkpoint.
WIDEST = 256

# Inputs that have all streams of a model stand under this name, others under their only stream's.
ALL_STREAMS = ""

_LEAST_VARIANCE = 1e-6

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Familiar:
    """Statistics of familiar inputs.

    Attributes:
        whitening: Lower triangular, [D, D]; turns deviations from the mean into independent ones.
        means: Name of the streams -> mean, [D].
        limits: Name of the streams -> the distance that 95 % of familiar inputs do not exceed,
            beside the limit of their score.
        scores: Name of the streams -> the top score that they reach.
    """

    whitening: FloatArray
    means: dict[str, FloatArray]
    limits: dict[str, float]
    scores: dict[str, float]

    def distance(self, means: FloatArray, streams: Collection[str]) -> FloatArray:
        """Mean latents [..., D] of inputs with these streams to distances [...]."""
        away = (means - self.means[self._name(streams)]) @ self.whitening
        result: FloatArray = np.square(away).mean(-1)
        return result

    def holds(self, distance: float, score: float, streams: Collection[str]) -> bool:
        """Whether an input of that distance and top score is familiar."""
        name = self._name(streams)
        return distance <= self.limits[name] and score >= self.scores[name]

    def _name(self, streams: Collection[str]) -> str:
        only = next(iter(streams)) if len(streams) == 1 else ALL_STREAMS
        return only if only in self.means else ALL_STREAMS

    def to_dict(self) -> dict[str, Any]:
        """As a header has it: plain JSON types."""
        width = len(self.whitening)
        scale = float(np.abs(self.whitening).max())
        return {
            "width": width,
            "scale": scale,
            "whitening": _text(self.whitening[np.tril_indices(width)] / scale),
            "streams": {
                name: {
                    "mean": _text(mean),
                    "limit": round(self.limits[name], 4),
                    "score": round(self.scores[name], 4),
                }
                for name, mean in self.means.items()
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Familiar:
        """Raises KeyError, TypeError or ValueError if the values are no statistics."""
        width = int(values["width"])
        whitening = np.zeros((width, width))
        whitening[np.tril_indices(width)] = _array(values["whitening"]) * float(values["scale"])
        streams = dict(values["streams"])
        return cls(
            whitening,
            {name: _array(entry["mean"]) for name, entry in streams.items()},
            {name: float(entry["limit"]) for name, entry in streams.items()},
            {name: float(entry["score"]) for name, entry in streams.items()},
        )


def fit_whitening(deviations: FloatArray) -> FloatArray:
    """The lower triangular L with L L' = the inverse covariance of deviations [rows, D].

    The covariance is shrunk towards a multiple of the identity, as few rows need (oracle
    approximating shrinkage, Chen et al. 2010).
    """
    rows, width = deviations.shape
    covariance = deviations.T @ deviations / rows
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    excess = (rows + 1) * (squares - trace**2 / width)
    wanted = (1 - 2 / width) * squares + trace**2
    share = wanted / excess if excess > wanted else 1.0
    # Rows that are all alike vary by nothing.
    variance = max(trace / width, _LEAST_VARIANCE)
    shrunk = (1 - share) * covariance + share * variance * np.eye(width)
    result: FloatArray = np.linalg.cholesky(np.linalg.inv(shrunk))
    return result


def _text(values: FloatArray) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def _array(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64)
