import numpy as np
import pytest
import torch
from torch.nn import functional

from perceiver_cli.preparation.resampling import Square, centre_square, resample

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 57, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "share", "down", "up"),
    [
        (100, 100, 1.0, (0, 0, 100), (0, 0, 100)),
        (61, 84, 0.875, (15, 4, 53), (16, 4, 53)),
        (84, 61, 0.875, (4, 15, 53), (4, 16, 53)),
        (1, 9, 0.5, (4, 0, 1), (4, 0, 1)),
    ],
)
def test_the_square_in_the_middle(height, width, share, down, up):
    assert centre_square(height, width, share, round_up=False) == down
    assert centre_square(height, width, share, round_up=True) == up


@pytest.mark.parametrize(("how", "mode"), [("cubic", "bicubic"), ("linear", "bilinear")])
@pytest.mark.parametrize("size", [8, 30, 31, 64])
def test_plain_interpolation_is_that_of_torch(how, mode, size):
    square = Square(5, 3, 31)
    found = resample(PIXELS, square, size, how, crop_first=True)
    cut = torch.from_numpy(PIXELS[3:34, 5:36]).permute(2, 0, 1)[None].double()
    expected = functional.interpolate(cut, (size, size), mode=mode, align_corners=False)
    expected = expected[0].permute(1, 2, 0).round().clamp(0, 255)
    assert found.shape == (size, size, 3)
    assert found.dtype == np.uint8
    assert np.abs(found - expected.numpy()).max() <= 1


def test_what_is_cut_out_first_sees_nothing_beside_it():
    square = Square(10, 10, 16)
    other = PIXELS.copy()
    other[:10] = other[26:] = 0
    cut = [resample(p, square, 8, "bicubic", crop_first=True) for p in (PIXELS, other)]
    assert np.array_equal(*cut)
    in_place = [resample(p, square, 8, "bicubic", crop_first=False) for p in (PIXELS, other)]
    assert not np.array_equal(*in_place)
