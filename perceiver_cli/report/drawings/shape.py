"""A shape: its points in colours, as a 3D file or drawn from a few views."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from perceiver_cli.explanations import Explanation, ShapeMap
from perceiver_cli.media.axes import to_y_up, to_z_up
from perceiver_cli.report.drawings.colours import FAINT, Scale, heat
from perceiver_cli.report.drawings.sheet import Sheet, heading, heading_height

# Name, elevation and azimuth in degrees (mplot3d), and the zoom at which the cube fills its panel:
# seen from a corner it is larger.
_VIEWS = (
    ("three-quarter", 22, -60, 1.15),
    ("front", 0, -90, 1.45),
    ("side", 0, 0, 1.45),
    ("top", 90, -90, 1.45),
)
_UNIT, _MARGIN, _PANEL, _LABEL = 14, 28, 330, 26

# The radius of a drawn solid over that of the shape.
_SOLID = 0.012


def draw_shape(explanation: Explanation, ending: str) -> bytes:
    """Draws coloured points as .ply, coloured solids as .glb, or otherwise a few views."""
    if ending in (".ply", ".glb"):
        return coloured_points(explanation, ending)
    return draw_views(explanation, ending)


def draw_views(explanation: Explanation, ending: str) -> bytes:
    """A row for each map, a column for each view."""
    attribution = _shape_map(explanation)
    scale = Scale.over(attribution.values)
    points = _z_up(attribution)
    page = 2 * _MARGIN + len(_VIEWS) * _PANEL
    top = round(heading_height(explanation, page - 2 * _MARGIN, _UNIT))
    height = top + len(explanation.names) * (_PANEL + _LABEL) + 56
    sheet = Sheet(page, height, _UNIT)
    heading(sheet, explanation, _MARGIN, page - _MARGIN)
    for row, (name, values) in enumerate(zip(explanation.names, attribution.values, strict=True)):
        y = top + row * (_PANEL + _LABEL)
        sheet.text(_MARGIN, y, name)
        for column, (view, elevation, azimuth, zoom) in enumerate(_VIEWS):
            x = _MARGIN + column * _PANEL
            # Axes3D has methods that the plain Axes lacks.
            axes: Any = sheet.axes(x, y + _LABEL, _PANEL, _PANEL, projection="3d")
            axes.view_init(elevation, azimuth)
            axes.set_box_aspect((1, 1, 1), zoom=zoom)
            _scatter(axes, points, values, scale)
            middle = x + _PANEL / 2
            sheet.text(middle, y, view, size=0.85, color=FAINT, ha="center")
    sheet.legend(_MARGIN, height - 46, scale, overlaid=False)
    return sheet.save(ending)


def coloured_points(explanation: Explanation, ending: str) -> bytes:
    """The last map as coloured points (.ply) or as small solids with y up (.glb).

    A PLY keeps the file's own coordinates, so that it lies on the original; GLB viewers take y
    for up and show a bare point as one pixel, hence the solids.
    """
    import trimesh

    attribution = _shape_map(explanation)
    colours = Scale.over(attribution.values[-1:]).colours(attribution.values[-1])
    colours = np.concatenate([colours, np.full((len(colours), 1), 255, np.uint8)], 1)
    if ending == ".ply":
        cloud = trimesh.PointCloud(attribution.points, colors=colours)
        return cast("bytes", cloud.export(file_type="ply"))
    points = to_y_up(_z_up(attribution))
    centre = points.mean(0)
    radius = float(np.linalg.norm(points - centre, axis=1).max()) or 1.0
    solid = trimesh.creation.icosahedron()
    count = len(solid.vertices)
    vertices = points[:, None] + solid.vertices * radius * _SOLID
    faces = solid.faces + count * np.arange(len(points))[:, None, None]
    mesh = trimesh.Trimesh(
        vertices.reshape(-1, 3),
        faces.reshape(-1, 3),
        vertex_colors=colours.repeat(count, 0),
        process=False,
    )
    return cast("bytes", mesh.export(file_type="glb"))


def _shape_map(explanation: Explanation) -> ShapeMap:
    (window,) = explanation.windows
    return window.map_of("pointcloud", ShapeMap)


def _z_up(attribution: ShapeMap) -> np.ndarray:
    return attribution.points if attribution.up == "z" else to_z_up(attribution.points)


def _scatter(axes: Any, points: np.ndarray, values: np.ndarray, scale: Scale) -> None:
    """Points with equal scales on all axes."""
    low, high = points.min(0), points.max(0)
    half = float((high - low).max()) / 2 or 1.0
    for setter, middle in zip(
        (axes.set_xlim, axes.set_ylim, axes.set_zlim), (low + high) / 2, strict=True
    ):
        setter(middle - half, middle + half)
    axes.set_proj_type("ortho")
    axes.set_axis_off()
    # Heavy points are also larger, to be visible without colours.
    level = scale.level(values)
    axes.scatter(*points.T, c=heat(level), s=8 + 22 * level, linewidths=0, depthshade=False)
