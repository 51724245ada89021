"""Reads a file from detection to points, and makes shapes for files."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import PointCloud

SPHERE = trimesh.creation.uv_sphere(radius=1, count=(8, 16))
VERTICES, FACES = np.asarray(SPHERE.vertices), np.asarray(SPHERE.faces)
COUNTS = ("mesh", len(VERTICES), len(FACES))


def read(content: bytes, name: str = "file", points: int = 2000) -> PointCloud:
    source = Source(name, content)
    detection = detect(source)
    assert detection.modality == "pointcloud"
    return load_points(source, detection.format, points)


def counts(cloud: PointCloud) -> tuple[str, int, int]:
    return cloud.kind, cloud.vertices, cloud.faces


def extent(cloud: PointCloud) -> np.ndarray:
    return cloud.points.max(0) - cloud.points.min(0)


def check_sphere(cloud: PointCloud) -> None:
    """Checks that a shape is SPHERE."""
    assert counts(cloud) == COUNTS
    assert cloud.notes == ()
    radii = np.linalg.norm(cloud.points, axis=1)
    assert radii.max() <= 1 + 1e-5
    assert radii.min() > 0.9
    assert extent(cloud) == pytest.approx(2, abs=0.15)


def refusal(content: bytes, name: str = "file") -> InputError:
    with pytest.raises(InputError) as caught:
        read(content, name)
    assert caught.value.message.isprintable()
    return caught.value
