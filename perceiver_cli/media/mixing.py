"""Mixing channels to mono without cancellation."""

from __future__ import annotations

import numpy as np

from perceiver_cli.array_types import Float32Array

# A channel whose power is below this share of the loudest one's is silent.
_SILENT = 1e-4

# Channels with a more negative correlation with the loudest one are inverted.
_OPPOSED = -0.5

# Maximum peak of a loud recording; larger ones are integers stored as floating-point numbers.
_MAX_PEAK = 16.0
# Larger numbers are written with an exponent.
_MAX_PLAIN = 1e10
_FULL_SCALES = {2.0**15: 16, 2.0**23: 24, 2.0**31: 32}  # by bits


def to_mono(samples: Float32Array, bass: int | None = None) -> Float32Array:
    """The mean over the channels that are not silent, those in opposite phase inverted.

    A plain mean is silent if two channels have opposite phase (a wrongly wired microphone, a
    balanced line, a karaoke filter), and half as loud if one is silent. A constant offset counts as
    silence.

    Args:
        samples: [S, C], finite.
        bass: Index of the low-frequency channel, which is left out if there are others.

    Returns:
        [S].
    """
    channels = samples.shape[1]
    if channels == 1 or not len(samples):
        return np.ascontiguousarray(samples[:, 0])
    centred = samples - samples.mean(axis=0)
    powers = np.einsum("sc,sc->c", centred, centred).astype(np.float64)
    heard = powers > _SILENT * powers.max()
    if bass is not None and bass < channels and np.delete(heard, bass).any():
        heard[bass] = False
    weights = np.ones(channels)
    if heard.any():
        loudest = int(np.argmax(np.where(heard, powers, -1)))
        alike = centred.T @ centred[:, loudest]
        opposed = alike < _OPPOSED * np.sqrt(powers * powers[loudest])
        weights = np.where(heard, np.where(opposed, -1.0, 1.0), 0.0)
    weights /= np.abs(weights).sum()
    return samples @ weights.astype(np.float32)


def scale_note(peak: float) -> tuple[str, ...]:
    """A note if the full scale of samples with that peak is not 1."""
    scale = full_scale(peak)
    if scale == 1:
        return ()
    reached = f"samples reach {f'{peak:,.1f}' if peak < _MAX_PLAIN else f'{peak:.3g}'}"
    if bits := _FULL_SCALES.get(scale):
        why = f"treated as {bits}-bit integers and divided by {scale:,.0f}"
    else:
        why = "divided by that"
    return (f"{reached} where 1 is full scale: {why}",)


def clip_overshoot(samples: Float32Array) -> bool:
    """Clips the samples of a lossy codec to full scale, in place, if damage made a peak.

    Lossy codecs decode to a full scale of 1. Ordinary overshoots of a loud recording are kept.

    Args:
        samples: [S, C]; those that are not finite are left.

    Returns:
        Whether it clipped them.
    """
    usable = np.isfinite(samples)
    beyond = bool(np.abs(samples).max(where=usable, initial=0) > _MAX_PEAK)
    if beyond:
        np.clip(samples, -1, 1, out=samples, where=usable)
    return beyond


def full_scale(peak: float) -> float:
    """The full scale of samples with that peak: 1, or that of an integer type."""
    if peak <= _MAX_PEAK:
        return 1.0
    return next((scale for scale in _FULL_SCALES if peak <= scale), peak)
