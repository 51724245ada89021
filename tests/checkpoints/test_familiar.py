import json

import numpy as np
import pytest

from perceiver_cli.checkpoints.familiar import WIDEST, Familiar, fit_whitening

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(24, 24))


def drawn(rows: int) -> np.ndarray:
    return RNG.normal(size=(rows, 24)) @ MIX + 3.0


def fitted(rows: int = 4000) -> Familiar:
    known = drawn(rows)
    mean = known.mean(0)
    return Familiar(fit_whitening(known - mean), {"": mean}, {"": 1.5}, {"": 0.2})


def test_the_distance_of_familiar_things_is_about_one_and_others_are_farther():
    familiar = fitted()
    near, far = drawn(1000), drawn(1000) + 5 * np.linalg.norm(MIX, axis=0)
    assert familiar.distance(near, ["image"]).mean() == pytest.approx(1.0, abs=0.1)
    assert familiar.distance(far, ["image"]).min() > familiar.distance(near, ["image"]).max()


def test_few_rows_are_enough():
    familiar = fitted(rows=6)
    assert np.isfinite(familiar.distance(drawn(10), ["image"])).all()


def test_rows_that_are_all_alike_are_enough():
    assert np.isfinite(fit_whitening(np.zeros((4, 24)))).all()


def test_a_header_keeps_it_in_less_than_100_kb():
    familiar = fitted()
    stored = Familiar.from_dict(json.loads(json.dumps(familiar.to_dict())))
    things = drawn(10)
    np.testing.assert_allclose(
        stored.distance(things, ["image"]), familiar.distance(things, ["image"]), rtol=0.02
    )
    wide = Familiar(np.tri(WIDEST), {"": np.zeros(WIDEST)}, {"": 1.0}, {"": 0.0})
    assert len(json.dumps(wide.to_dict())) < 100_000


def test_what_is_far_or_hardly_anything_is_not_familiar():
    familiar = fitted()
    assert familiar.holds(1.4, 0.9, ["image"])
    assert not familiar.holds(1.6, 0.9, ["image"])
    assert not familiar.holds(1.4, 0.1, ["image"])
