"""From a detected file to its arrays: the one place that knows which loader serves which spec."""

from __future__ import annotations

from typing import Any

from perceiver_cli.media.types import (
    Media,
    Picture,
    PictureSpec,
    PointCloud,
    PointSpec,
    Sound,
    SoundSpec,
    Source,
    VideoSpec,
)


def load(
    source: Source, format: str, needs: PictureSpec | SoundSpec | PointSpec | VideoSpec
) -> Media:
    """Decodes what a model needs of a file in a format that detect names. Raises InputError."""
    if isinstance(needs, PictureSpec):
        from perceiver_cli.media.image import load_picture

        return load_picture(source, format, needs.at_least)
    if isinstance(needs, SoundSpec):
        from perceiver_cli.media.audio import load_sound

        return load_sound(source, format, needs)
    if isinstance(needs, PointSpec):
        from perceiver_cli.media.pointcloud import load_points

        return load_points(source, format, needs.points)
    from perceiver_cli.media.video import load_video

    return load_video(source, format, needs)


def facts(media: Media) -> dict[str, Any]:
    """What a person wants to know of an input: the record's `input`."""
    if isinstance(media, Picture):
        return {"width": media.width, "height": media.height, **media.facts}
    if isinstance(media, Sound):
        return {
            "duration_s": round(media.duration_s, 3),
            "sample_rate": media.file_rate,
            "channels": media.channels,
        }
    if isinstance(media, PointCloud):
        low, high = media.points.min(0), media.points.max(0)
        return {
            "kind": media.kind,
            "vertices": media.vertices,
            "faces": media.faces,
            "up": media.up,
            "extent": [round(float(v), 4) for v in high - low],
        }
    return {
        "width": media.width,
        "height": media.height,
        "duration_s": round(media.duration_s, 3),
        "fps": None if media.fps is None else round(media.fps, 3),
        "sound": any(window.sound is not None for window in media.windows),
    }
