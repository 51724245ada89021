"""Colour pictures of 16 bits a channel that use fewer of them.

Pillow keeps the upper byte of each channel, so 10- and 12-bit colours come out nearly black. Read
in the opposite byte order, a file gives its lower bytes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.media.pillow import open_picture
from perceiver_cli.media.pixels import STRIP_PIXELS, depth_ceiling, strips
from perceiver_cli.media.source import Source

if TYPE_CHECKING:
    from PIL import Image

    Array = np.ndarray[Any, Any]

# Pillow's names of layouts in a file: channels, then the byte order (N: the processor's).
_LAYOUT = re.compile(r"(RGB[XA]?|[RGBA]);16([LBN])")
_OPPOSITE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}

# Upper bytes from this one on occur only if all 16 bits are used.
_LEAST_OF_16_BITS = 2**6


def is_deep(picture: Any) -> bool:
    """Whether a Pillow picture that is not loaded yet has colours of 16 bits a channel."""
    return bool(picture.tile) and all(_is_deep(tile) for tile in picture.tile)


def restore_depth(picture: Image.Image, source: Source, format: str) -> None:
    """Scales colours that use 14 bits or fewer by their depth, as to_8_bit does; else does nothing.

    Args:
        picture: A loaded picture in mode RGB or RGBA, for which is_deep was true. It is changed.
        source: Its file.
        format: detect's name for its format.

    Raises:
        InputError: As open_picture.
    """
    extrema: Any = picture.getextrema()
    # Pillow rounds the numbers of a PPM instead of dropping the lower bytes.
    is_rounded = format == "ppm"
    if max(high for _, high in extrema[:3]) >= _LEAST_OF_16_BITS + is_rounded:
        return
    if is_rounded:
        _paste_upper_bytes(picture, source, format)
    with source.open() as stream, open_picture(stream, format) as lower:
        _read_bytes(lower, lower=True)
        largest = np.max([values.max((0, 1)) for values, _ in _numbers(picture, lower)], 0)
        # One depth for the colours, another for the alpha channel.
        depths = [largest[:3].max()] * 3 + list(largest[3:])
        ceilings = np.array([depth_ceiling(int(each)) for each in depths], np.uint32)
        for values, top in _numbers(picture, lower):
            scaled = (values * np.uint32(255) + ceilings // 2) // ceilings
            picture.paste(_picture_of(scaled), (0, top))


def _paste_upper_bytes(picture: Image.Image, source: Source, format: str) -> None:
    with source.open() as stream, open_picture(stream, format) as upper:
        _read_bytes(upper, lower=False)
        picture.paste(upper)


def _is_deep(tile: Any) -> bool:
    return _is_deep_ppm(tile) or _LAYOUT.fullmatch(_layout(tile)) is not None


def _is_deep_ppm(tile: Any) -> bool:
    return bool(tile.codec_name == "ppm" and tile.args == ("RGB", 2**16 - 1))


def _layout(tile: Any) -> str:
    """Pillow's name of the layout of a tile; "" if unknown."""
    layout = tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0]
    return layout if isinstance(layout, str) else ""


def _read_bytes(picture: Any, lower: bool) -> None:
    """Loads a picture with the lower or upper byte of each channel."""
    tiles = [
        tile._replace(codec_name="raw", args=("RGB;16B", 0, 1)) if _is_deep_ppm(tile) else tile
        for tile in picture.tile
    ]
    picture.tile = [_in_opposite_order(tile) for tile in tiles] if lower else tiles
    picture.load()


def _in_opposite_order(tile: Any) -> Any:
    channels, order = _LAYOUT.fullmatch(_layout(tile)).groups()  # type: ignore[union-attr]
    layout = f"{channels};16{_OPPOSITE[order]}"
    return tile._replace(args=layout if isinstance(tile.args, str) else (layout, *tile.args[1:]))


def _numbers(upper: Image.Image, lower: Image.Image) -> Iterator[tuple[Array, int]]:
    """The numbers of 16 bits, uint16 [h, W, C], in strips, each with the index of its first row."""
    rows = max(1, STRIP_PIXELS // upper.width // 4)
    for (high, top), (low, _) in zip(strips(upper, rows), strips(lower, rows), strict=True):
        yield np.asarray(high).astype(np.uint16) << 8 | np.asarray(low), top


def _picture_of(values: Array) -> Image.Image:
    from PIL import Image

    return Image.fromarray(values.astype(np.uint8))
