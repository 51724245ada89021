"""Explanations as pictures. Knows plain arrays only: no models, no media.

Needs matplotlib, the optional extra `plots`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perceiver_cli.errors import UsageError

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation

STILL = (".png", ".webp", ".jpg", ".jpeg")
MOVING = (".mp4", ".webp", ".gif")
SOLID = (".ply", ".glb")
ENDINGS = tuple(dict.fromkeys(STILL + MOVING + SOLID))


def endings_for(modality: str) -> tuple[str, ...]:
    """What an output file for that modality can end with."""
    if modality == "pointcloud":
        return SOLID + STILL
    if modality in ("video", "av"):
        return (*MOVING, ".png", ".jpg", ".jpeg")
    return STILL


def check_drawing() -> None:
    """Raises UsageError, with the way out, if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError("drawing needs matplotlib: pip install matplotlib") from None


def draw(explanation: Explanation, ending: str) -> bytes:
    """The explanation as a file of that kind. Raises UsageError if the modality has no such one.

    A video is a film as .mp4, .webp or .gif and a contact sheet otherwise; a shape is coloured
    points as .ply, small solids as .glb, and a few views otherwise.
    """
    modality = explanation.result.modality
    if ending not in endings_for(modality):
        known = ", ".join(endings_for(modality))
        raise UsageError(f"a picture of {modality} cannot be written as {ending}: use {known}")
    check_drawing()
    if modality == "image":
        from perceiver_cli.report.pictures.picture import draw_picture

        return draw_picture(explanation, ending)
    if modality == "audio":
        from perceiver_cli.report.pictures.sound import draw_sound

        return draw_sound(explanation, ending)
    if modality == "pointcloud":
        from perceiver_cli.report.pictures import shape

        if ending in SOLID:
            return shape.coloured_points(explanation, ending)
        return shape.draw_shape(explanation, ending)
    from perceiver_cli.report.pictures import film

    if ending in MOVING:
        return film.draw_film(explanation, ending)
    return film.draw_contact_sheet(explanation, ending)
