"""Encodes films as WebP, GIF or MP4."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from av.video.stream import VideoStream


def encode_film(frames: list[np.ndarray], seconds: list[float], ending: str) -> bytes:
    """A film as the content of a file.

    Args:
        frames: uint8 [height, width, 3] each, all of one size with even sides.
        seconds: Duration of each frame.
        ending: ".mp4", ".webp" or ".gif".
    """
    content = io.BytesIO()
    if ending == ".mp4":
        _encode_mp4(frames, seconds, content)
        return content.getvalue()
    images = map(Image.fromarray, frames)
    first, *others = images if ending == ".webp" else map(_with_palette, images)
    first.save(
        content,
        "WEBP" if ending == ".webp" else "GIF",
        save_all=True,
        append_images=others,
        duration=[round(1000 * s) for s in seconds],
        loop=0,
        **({"quality": 80} if ending == ".webp" else {}),
    )
    return content.getvalue()


def _with_palette(image: Image.Image) -> Image.Image:
    """Reduces frames to 256 colours; Pillow's default palette would lose the few hottest cells."""
    palette = image.quantize(256, Image.Quantize.FASTOCTREE)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def _encode_mp4(frames: list[np.ndarray], seconds: list[float], content: io.BytesIO) -> None:
    import av

    times = np.concatenate([[0], np.cumsum(seconds)])
    # The last frame would otherwise be shown for no time.
    shown = [*frames, frames[-1]]
    with av.open(content, "w", format="mp4") as container:
        stream = cast("VideoStream", container.add_stream(_codec(), rate=25))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for pixels, time in zip(shown, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _codec() -> str:
    """The codec: H.264, which every player supports, or another available one."""
    import av

    return "libx264" if "libx264" in av.codecs_available else "mpeg4"
