"""Windows cover a file evenly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perceiver_cli.media.windows import window_starts


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
