import json
from dataclasses import replace

import numpy as np
import pytest

from perceiver_cli.checkpoints.familiar import (
    LEADING,
    FamiliarityStatistics,
    fits,
    standardised,
)
from perceiver_cli.training.familiarity import fit_leading, fit_whitening

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(24, 24))


def drawn(rows: int) -> np.ndarray:
    return RNG.normal(size=(rows, 24)) @ MIX + 3.0


def fitted(rows: int = 4000) -> FamiliarityStatistics:
    known = drawn(rows)
    mean = known.mean(0)
    whitening, leading = fit_whitening(known - mean), fit_leading(known - mean)
    return FamiliarityStatistics(whitening, {"": mean[None]}, {"": 1.5}, leading=leading)


def test_the_distance_of_familiar_things_is_about_one_and_others_are_farther():
    familiar = fitted()
    near, far = drawn(1000), drawn(1000) + 5 * np.linalg.norm(MIX, axis=0)
    assert familiar.distance(near, "").mean() == pytest.approx(1.0, abs=0.2)
    assert familiar.distance(far, "").min() > familiar.distance(near, "").max()


def test_what_is_far_in_leading_directions_alone_is_far():
    familiar = fitted()
    mean = familiar.means[""]
    # Three standard deviations in each of the leading directions, none in the others.
    away = 3 * np.linalg.pinv(familiar.leading).sum(0)
    assert familiar.distance(mean + away, "") == pytest.approx(9, rel=0.01)
    everywhere = replace(familiar, leading=np.empty((24, 0)))
    assert everywhere.distance(mean + away, "") == pytest.approx(9 * LEADING / 24, rel=0.01)


def test_few_rows_are_enough():
    familiar = fitted(rows=6)
    assert np.isfinite(familiar.distance(drawn(10), "")).all()


def test_rows_that_are_all_alike_are_enough():
    assert np.isfinite(fit_whitening(np.zeros((4, 24)))).all()


def test_a_header_keeps_it_in_less_than_100_kb():
    familiar = fitted()
    stored = FamiliarityStatistics.from_dict(
        json.loads(json.dumps(familiar.to_dict())), len(familiar.whitening)
    )
    things = drawn(10)
    np.testing.assert_allclose(
        stored.distance(things, ""), familiar.distance(things, ""), rtol=0.02
    )


@pytest.mark.parametrize("width", [64, 192, 256])
def test_what_fits_is_less_than_100_kb(width):
    most = max(n for n in range(1, 500) if fits(width, n))
    assert not fits(width, most + 1) or most == 499
    leading = np.zeros((width, LEADING))
    wide = FamiliarityStatistics(
        np.tri(width), {"": np.zeros((most, width))}, {"": 1.0}, leading=leading
    )
    assert len(json.dumps(wide.to_dict())) < 100_000


def test_of_several_means_the_nearest_counts():
    means = np.array([[3.0, 0, 0, 0], [0, 0, 0, 3.0]])
    familiar = FamiliarityStatistics(np.eye(4), {"": means}, {"": 1.0})
    things = np.array([[3.0, 0, 0, 0], [0, 0, 0, 2.0], [0, 2.0, 0, 0]])
    np.testing.assert_allclose(familiar.distance(things, ""), [0, 1 / 4, 13 / 4])


def test_after_the_last_iteration_neither_scale_nor_offset_count():
    thing = RNG.normal(size=(1, 24))
    own = standardised(thing)
    familiar = FamiliarityStatistics(np.eye(24), {"": own}, {"": 1.0}, after_last_iteration=True)
    stored = FamiliarityStatistics.from_dict(
        json.loads(json.dumps(familiar.to_dict())), len(familiar.whitening)
    )
    for changed in (thing, 5 * thing + 2):
        assert stored.distance(changed, "") == pytest.approx(0, abs=1e-4)
    assert stored.distance(-thing, "") == pytest.approx(4, rel=0.01)


def test_inputs_with_one_stream_have_statistics_of_their_own_if_there_are_any():
    mean = np.zeros((1, 4))
    means, limits = {"": mean, "video": mean + 1}, {"": 1.0, "video": 0.5}
    familiar = FamiliarityStatistics(np.eye(4), means, limits)
    streams = {("audio", "video"): "", ("video",): "video", ("audio",): ""}
    assert {given: familiar.stream_key(given) for given in streams} == streams
    assert familiar.distance(mean, "video") == pytest.approx(1)
    assert not familiar.includes(0.7, "video")
    assert familiar.includes(0.7, "")


def test_what_is_far_is_not_familiar():
    familiar = fitted()
    assert familiar.includes(1.5, "")
    assert not familiar.includes(1.6, "")
