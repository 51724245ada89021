from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.adapters.base import heaviest_blocks


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    counts=st.lists(st.integers(1, 12), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_blocks_cover_the_grid_once_heaviest_first(sizes, counts, seed):
    masses = np.random.default_rng(seed).random((2, *sizes))
    found = heaviest_blocks(masses, tuple(counts[: len(sizes)]), top=10_000)
    expected = np.prod([min(s, c) for s, c in zip(sizes, counts, strict=False)])
    for mass, blocks in zip(masses, found, strict=True):
        assert len(blocks) == expected
        covered = np.zeros(sizes, int)
        for where, share in blocks:
            covered[where] += 1
            assert share == pytest.approx(mass[where].sum())
        assert (covered == 1).all()
        shares = [share for _, share in blocks]
        assert shares == sorted(shares, reverse=True)


def test_only_the_top_are_returned():
    mass = np.zeros((1, 8, 8))
    mass[0, 1, 6], mass[0, 5, 5], mass[0, 7, 0], mass[0, 4, 0] = 0.4, 0.3, 0.2, 0.1
    (found,) = heaviest_blocks(mass, (4, 4), top=2)
    assert found == [
        ((slice(0, 2), slice(6, 8)), pytest.approx(0.4)),
        ((slice(4, 6), slice(4, 6)), pytest.approx(0.3)),
    ]
