"""Windows cover a file evenly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_cli.media.windows import Coverage, choose_windows, window_starts


@pytest.mark.parametrize(
    ("duration", "window", "most", "expected"),
    [
        (3, 5, 4, [0]),
        (5, 5, 4, [0]),
        (10, 5, 4, [0, 5]),
        (60, 5, 3, [0, 27.5, 55]),
        (60, 10, 1, [25]),
        (0, 5, 3, [0]),
    ],
)
def test_examples(duration, window, most, expected):
    assert window_starts(duration, window, most) == pytest.approx(expected)


def test_a_tiny_remainder_gets_no_window():
    assert window_starts(5.02, 5, 4) == pytest.approx([0.01])


@given(st.floats(0, 1e5), st.floats(0.1, 100), st.integers(1, 20))
def test_windows_stay_inside(duration, window, most):
    starts = window_starts(duration, window, most)
    assert 1 <= len(starts) <= most
    assert starts == sorted(starts)
    assert all(0 <= start <= max(0, duration - window) + 1e-6 for start in starts)
    if len(starts) > 1:
        assert starts[0] == 0
        assert starts[-1] + window == pytest.approx(duration)


@given(st.floats(0.1, 500), st.floats(0.5, 20), st.floats(0.1, 1))
def test_a_file_that_is_read_whole_is_covered(duration, window, share):
    chosen = choose_windows(duration, window, 4, Coverage(1e9, window * share, short_too=True))
    starts = chosen.starts
    assert chosen.total == len(starts)
    assert starts[0] == 0
    assert starts[-1] == pytest.approx(max(0, duration - window))
    assert np.diff(starts, prepend=0).max() <= window * 1.05 * share + 1e-6


def test_short_files_and_long_ones_are_read_by_evenly_spaced_windows():
    coverage = Coverage(whole_s=600, hop_s=1)
    assert not choose_windows(10, 2, 5, coverage).read_whole
    assert choose_windows(11, 2, 5, coverage).read_whole
    assert len(choose_windows(600, 2, 5, coverage).starts) == 599
    assert len(choose_windows(601, 2, 5, coverage).starts) == 5


def test_a_stretch_is_some_of_the_windows():
    coverage = Coverage(600, 1, first=7, count=3)
    chosen = choose_windows(60, 2, 5, coverage)
    assert (chosen.starts, chosen.total) == ([7, 8, 9], 59)
    assert choose_windows(60, 2, 5, Coverage(600, 1, first=58, count=3)).starts == [58]
