"""The colour scale of drawings."""

from itertools import pairwise

import pytest

pytest.importorskip("matplotlib")

from perceiver_cli.report.drawings.colours import Scale
from perceiver_cli.report.drawings.sheet import Sheet


@pytest.mark.parametrize("top", [2.0, 4.0, 8.0, 8.1, 10.8, 14.0, 14.1, 40.0, 400.0])
def test_labels_of_the_legend_keep_their_distance(top):
    sheet = Sheet(480, 60)
    sheet.legend(20, 10, Scale(top))
    sheet.pixels()
    boxes = sorted((text.get_window_extent() for text in sheet.figure.texts), key=lambda b: b.x0)
    assert len(boxes) == 3
    assert all(right.x0 - left.x1 >= sheet.unit / 2 for left, right in pairwise(boxes))
