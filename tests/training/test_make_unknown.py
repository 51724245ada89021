"""The recipes of files of none of the classes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"


def recipe(name):
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PICTURES = recipe("make_unknown_pictures")
OTHERS = recipe("make_unknown")


@pytest.mark.parametrize("name", PICTURES.SETS)
def test_pictures_differ_and_are_the_same_each_time(name):
    for make in PICTURES.SETS[name]:
        rng = np.random.default_rng(3)
        first, second = make(rng), make(rng)
        assert first.shape == (256, 256, 3)
        assert first.std() > 1
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(make(np.random.default_rng(3)), first)


def test_shapes_and_sounds_are_finite():
    rng = np.random.default_rng(0)
    for kind in OTHERS.SHAPES:
        points = OTHERS.made_up_shape(kind, rng)
        assert points.shape == (OTHERS.POINTS, 3)
        assert np.isfinite(points).all()
    for kind in OTHERS.PRIMITIVES:
        mesh = OTHERS.primitive(kind, rng)
        assert mesh.is_watertight
        assert len(mesh.faces) >= 4
    for kind in OTHERS.SOUNDS:
        wave = OTHERS.made_up_sound(kind, rng)
        assert wave.shape == (OTHERS.SAMPLES,)
        assert np.abs(wave).max() > 0
