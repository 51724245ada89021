"""Inputs of the Python API: paths, bytes, open files, PIL images, NumPy arrays."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.failed_source import FailedSource
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.inputs.paths import read_pipe
from perceiver_cli.media.source import Source
from perceiver_cli.modalities import find_modality

if TYPE_CHECKING:
    from PIL.Image import Image

# Modes that PNG stores, and others that TIFF stores; all others are converted to RGB.
_PNG_MODES = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")
_TIFF_MODES = ("F", "I", "I;16B")

# With more channels, the axes of the array are taken to be exchanged.
_MAX_CHANNELS = 64

# The highest sample rate that libsndfile writes.
_MAX_RATE = 2**31 - 1

_NO_AREA = InputError("empty", "the picture has no pixels")


def as_source(
    value: Any, *, rate: float | None = None, modality: str | None = None, name: str | None = None
) -> Source:
    """Creates a Source from any value with the content of one file.

    Args:
        value: One of
            - str or os.PathLike: a path, a URL, or a member of an archive;
            - bytes, bytearray, memoryview: the content of a file;
            - an open binary file, which is read from its current position;
            - a PIL image;
            - a NumPy array: a sound [samples] or [samples, channels] if there is a `rate`, else a
              picture [height, width], [height, width, 3 or 4] or points [N, 3 or more];
            - a Source.
        rate: Samples per second of an array that is a sound, an integer.
        modality: Modality of the input; needed if an array could be a picture or points.
        name: The Result's path; None: the file's own name, or the type of the value.

    Raises:
        TypeError: The value is of another type.
        ValueError: The modality is unknown, the rate is not a positive integer, or an array
            cannot be a sound.
    """
    wanted = find_modality(modality).name if modality else None
    if rate is not None and not isinstance(value, np.ndarray):
        raise TypeError(f"rate is only supported for a NumPy array (got {type(value).__name__})")
    if isinstance(value, Source):
        return replace(value, modality=wanted) if wanted else value
    if isinstance(value, str | os.PathLike):
        return named_source(os.fsdecode(value), wanted)
    if isinstance(value, bytes | bytearray | memoryview):
        return Source(name or "<bytes>", bytes(value), wanted)
    if isinstance(value, np.ndarray):
        content = _npy(value) if rate is None else _wav(value, _whole_rate(rate))
        return Source(name or "<array>", content, wanted, is_array=True)
    if _is_picture(value):
        named = os.fsdecode(name or getattr(value, "filename", "") or "<picture>")
        if 0 in value.size:
            return FailedSource(named, modality=wanted, error=_NO_AREA)
        return Source(named, _picture_file(value), wanted)
    if hasattr(value, "read") and not isinstance(value, io.TextIOBase):
        own_name = getattr(value, "name", None)
        if not isinstance(own_name, str):
            own_name = "<file>"
        return Source(name or own_name, read_pipe(value), wanted)
    raise TypeError(
        "the input must be a path, bytes, an open binary file, a PIL image or a NumPy array "
        f"(got {type(value).__name__})"
    )


def check_is_several(inputs: object) -> None:
    """Refuses the path or content of one file in place of several inputs.

    Args:
        inputs: The argument of the caller.

    Raises:
        TypeError: It is a path, bytes or an open file, in which a loop would find letters, numbers
            or lines.
    """
    one_file = (str, bytes, bytearray, memoryview, os.PathLike)
    if isinstance(inputs, one_file) or hasattr(inputs, "read"):
        raise TypeError(
            f"inputs must be a list or another iterable (got {type(inputs).__name__}); "
            "for a single input use classify"
        )


def _whole_rate(rate: float) -> int:
    whole = isinstance(rate, Real) and float(rate).is_integer()
    if not whole or not 1 <= rate <= _MAX_RATE:
        limits = f"an integer from 1 to {_MAX_RATE:,}"
        raise ValueError(f"rate must be {limits}, in samples per second (got {rate!r})")
    return int(rate)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _wav(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file of the samples, without conversion."""
    import soundfile

    kinds = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT", "float64": "DOUBLE"}
    kind = kinds.get(str(samples.dtype))
    if kind is None:
        raise ValueError(f"samples must be {', '.join(kinds)} (got {samples.dtype})")
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MAX_CHANNELS):
        shape = list(samples.shape)
        raise ValueError(f"a sound must be [samples] or [samples, channels] (got {shape})")
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV", subtype=kind)
    return stream.getvalue()


def _is_picture(value: Any) -> bool:
    """Whether it is a PIL image, without importing PIL."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(value, module.Image)


def _picture_file(picture: Image) -> bytes:
    """A PNG or TIFF file of an image, turned upright."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(picture)
    stream = io.BytesIO()
    if upright.mode in _TIFF_MODES:
        upright.save(stream, "TIFF")
    else:
        storable = upright if upright.mode in _PNG_MODES else upright.convert("RGB")
        storable.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
