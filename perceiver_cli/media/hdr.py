"""Tone mapping of frames of high dynamic range (PQ, HLG) for standard screens.

The constants are those of ITU-R BT.2100, and BT.2408 for the level of white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import Float32Array
from perceiver_cli.media.srgb import to_srgb

# FFmpeg's numbers (ISO/IEC 23091-2).
_PQ, _HLG = 16, 18
_BT2020 = 9

# Light in candela per square metre: of a white sheet of paper, and of the brightest HLG screen.
_WHITE, _HLG_PEAK = 203.0, 1000.0

# Light above this share of white is compressed, so that highlights are not clipped.
_KNEE = 0.5

_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2

_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)

_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def is_high_range(frame: Any) -> bool:
    """Whether a VideoFrame's levels are those of PQ or HLG."""
    return frame.color_trc in (_PQ, _HLG)


def to_standard_range(
    pixels: npt.NDArray[np.uint16], transfer: int, primaries: int
) -> npt.NDArray[np.uint8]:
    """Tone mapping: levels up to paper white are kept, highlights are compressed.

    Args:
        pixels: RGB [h, w, 3], full range.
        transfer: FFmpeg's number of the transfer function, PQ's or HLG's.
        primaries: FFmpeg's number of the colour primaries.

    Returns:
        sRGB [h, w, 3].
    """
    levels = pixels.astype(np.float32) / np.float32(65535)
    light = (_pq_light if transfer == _PQ else _hlg_light)(levels) / np.float32(_WHITE)
    if primaries == _BT2020:
        light = np.maximum(light @ _BT2020_TO_BT709.T, 0)
    # One factor for the three channels of a pixel keeps its hue.
    brightest = np.maximum(light.max(axis=-1, keepdims=True), np.float32(1e-6))
    room = 1 - _KNEE
    mapped = np.where(brightest > _KNEE, 1 - room * np.exp((_KNEE - brightest) / room), brightest)
    light = light * (mapped / brightest)
    shown: npt.NDArray[np.uint8] = np.rint(np.clip(to_srgb(light), 0, 1) * 255).astype(np.uint8)
    return shown


def _pq_light(levels: Float32Array) -> Float32Array:
    """Candela per square metre."""
    root = levels ** np.float32(1 / _PQ_M2)
    light: Float32Array = np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)
    return 10_000 * light ** np.float32(1 / _PQ_M1)


def _hlg_light(levels: Float32Array) -> Float32Array:
    """Candela per square metre on a screen of 1,000."""
    scene = np.where(
        levels <= 0.5, levels**2 / 3, (np.exp((levels - _HLG_C) / _HLG_A) + _HLG_B) / 12
    )
    luminance = (scene @ _LUMINANCE)[..., None]
    return np.asarray(_HLG_PEAK * luminance ** (_HLG_GAMMA - 1) * scene, np.float32)
