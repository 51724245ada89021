"""Whether an input is like those that a model was trained on.

One Gaussian is fitted to the mean latent after the first iteration; or, after the last, one to
every class, with a covariance that all share (Lee et al. 2018). It is kept in the checkpoint's
header: float16, as text. The distance is Mahalanobis', squared and divided by the width, so that
it is about 1 for familiar inputs; of several Gaussians, that to the nearest.

Of one Gaussian, the distance in its leading directions alone counts as well, scaled so that it is
as often large for familiar inputs: the larger of the two. Noise and flat shapes are far there,
where most of a picture's variance lies, and near in the many other directions.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

# What statistics may take of a checkpoint.
_MOST_BYTES = 97_000

# Inputs that have all streams of a model stand under this name, others under their only stream's.
ALL_STREAMS = ""

_LEAST_VARIANCE = 1e-6

# Leading directions. Of 4 to 24, the most made-up pictures of other kinds than evaluation has were
# unfamiliar with 7: 89.0 %, where all directions alone had 79.2 %.
LEADING = 7

# As the read-out's norm has it.
_EPS = 1e-5

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Familiar:
    """Statistics of familiar inputs.

    Attributes:
        whitening: Lower triangular, [D, D]; turns deviations from a mean into independent ones.
        means: Name of the streams -> the Gaussians' means, [K, D].
        limits: Name of the streams -> the distance that 95 % of familiar inputs do not exceed.
        last: Whether these are of mean latents after the last iteration, standardised; else after
            the first.
        leading: Projects deviations from the mean on its leading directions, [D, L], so that
            their mean square is a distance like that in all of them. L is 0 for several Gaussians.
    """

    whitening: FloatArray
    means: dict[str, FloatArray]
    limits: dict[str, float]
    last: bool = False
    leading: FloatArray = field(default_factory=lambda: np.empty((0, 0)))

    def distance(self, means: FloatArray, streams: Collection[str]) -> FloatArray:
        """How far inputs lie from the nearest Gaussian's mean.

        Args:
            means: Mean latents of the inputs, [rows, D].
            streams: The streams that these inputs have.

        Returns:
            Squared Mahalanobis distances over D (Lee et al. 2018, section 2.1), [rows]: about 1 for
            familiar inputs. The distance in the leading directions, where it is larger.
        """
        rows = (standardised(means) if self.last else means) @ self.whitening
        own = self._whitened[self._name(streams)]
        squares = np.square(rows).sum(-1)[:, None] - 2 * rows @ own.T + np.square(own).sum(-1)
        result: FloatArray = np.maximum(squares, 0).min(-1) / rows.shape[-1]
        if self.leading.size:
            mean = self.means[self._name(streams)][0]
            result = np.maximum(result, np.square((means - mean) @ self.leading).mean(-1))
        return result

    @cached_property
    def _whitened(self) -> dict[str, FloatArray]:
        return {name: means @ self.whitening for name, means in self.means.items()}

    def includes(self, distance: float, streams: Collection[str]) -> bool:
        """Whether an input is familiar.

        Args:
            distance: See `distance`.
            streams: The streams that it has.
        """
        return distance <= self.limits[self._name(streams)]

    def _name(self, streams: Collection[str]) -> str:
        only = next(iter(streams)) if len(streams) == 1 else ALL_STREAMS
        return only if only in self.means else ALL_STREAMS

    def to_dict(self) -> dict[str, Any]:
        """As a header has it: plain JSON types."""
        width = len(self.whitening)
        scale = float(np.abs(self.whitening).max())
        return {
            "width": width,
            "last": self.last,
            "scale": scale,
            "whitening": _text(self.whitening[np.tril_indices(width)] / scale),
            "leading": _text(self.leading),
            "streams": {
                name: {
                    "mean": _text(mean),
                    "limit": round(self.limits[name], 4),
                }
                for name, mean in self.means.items()
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Familiar:
        """The statistics of a header.

        Args:
            values: As `to_dict` gives them.

        Raises:
            KeyError: A value is missing.
            TypeError: A value is of another type.
            ValueError: Sizes do not go together, or an array is not whole.
        """
        width = int(values["width"])
        whitening = np.zeros((width, width))
        whitening[np.tril_indices(width)] = _array(values["whitening"]) * float(values["scale"])
        streams = dict(values["streams"])
        return cls(
            whitening,
            {name: _array(entry["mean"]).reshape(-1, width) for name, entry in streams.items()},
            {name: float(entry["limit"]) for name, entry in streams.items()},
            bool(values.get("last")),
            _array(values.get("leading", "")).reshape(width, -1),
        )


def fits(width: int, means: int = 1) -> bool:
    """Whether statistics have room in a checkpoint.

    Args:
        width: D, channels of the mean latents.
        means: How many means there are.
    """
    values = width * (width + 1) // 2 + (means + LEADING) * width
    return 2 * values * 4 / 3 <= _MOST_BYTES  # float16 in base64


def standardised(means: FloatArray) -> FloatArray:
    """LayerNorm without scale and shift.

    Args:
        means: Mean latents, [rows, D].

    Returns:
        [rows, D], each row less its mean and divided by its deviation over D.
    """
    away = means - means.mean(-1, keepdims=True)
    result: FloatArray = away / np.sqrt(np.square(away).mean(-1, keepdims=True) + _EPS)
    return result


def fit_whitening(deviations: FloatArray) -> FloatArray:
    """The matrix that makes deviations independent of each other.

    Args:
        deviations: From the means, [rows, D].

    Returns:
        The lower triangular L with L L' = the inverse covariance, [D, D].
    """
    result: FloatArray = np.linalg.cholesky(np.linalg.inv(_covariance(deviations)))
    return result


def fit_leading(deviations: FloatArray) -> FloatArray:
    """The projection on the leading principal components, whitened.

    Args:
        deviations: From the mean, [rows, D].

    Returns:
        [D, LEADING].
    """
    variances, directions = np.linalg.eigh(_covariance(deviations))
    result: FloatArray = directions[:, -LEADING:] / np.sqrt(variances[-LEADING:])
    return result


def _covariance(deviations: FloatArray) -> FloatArray:
    """Of deviations [rows, D], shrunk towards a multiple of the identity, as few rows need.

    Oracle approximating shrinkage (Chen et al. 2010).
    """
    rows, width = deviations.shape
    covariance = deviations.T @ deviations / rows
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    excess = (rows + 1) * (squares - trace**2 / width)
    wanted = (1 - 2 / width) * squares + trace**2
    share = wanted / excess if excess > wanted else 1.0
    # Rows that are all alike vary by nothing.
    variance = max(trace / width, _LEAST_VARIANCE)
    result: FloatArray = (1 - share) * covariance + share * variance * np.eye(width)
    return result


def _text(values: FloatArray) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def _array(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64)
