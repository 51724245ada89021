import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from perceiver_cli.training.augment.compression import degrade, resample


def noise(count=300):
    torch.manual_seed(0)
    coarse = torch.rand(count, 3, 16, 16)
    return (255 * functional.interpolate(coarse, 32)).byte().permute(0, 2, 3, 1).contiguous()


def test_a_share_of_the_pictures_loses_detail_and_the_rest_nothing():
    pixels = noise()
    before = pixels.clone()
    changed = degrade(pixels)
    assert torch.equal(pixels, before)
    assert changed.dtype == torch.uint8
    error = (changed.float() - pixels.float()).abs().mean((1, 2, 3))
    assert 0.6 < (error > 0).float().mean() < 0.8
    assert torch.equal(error > 0, (changed != pixels).flatten(1).any(1))
    assert error.max() > 4
    colours = (changed.float() - pixels.float()).mean((1, 2)).abs()
    assert colours.max() < 20


def test_no_share_changes_nothing():
    assert torch.equal(degrade(noise(20), 0.0), noise(20))


def test_a_resampled_picture_has_less_detail_and_the_same_size():
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (20, 30, 3), dtype=torch.uint8).numpy()
    found = [np.asarray(resample(Image.fromarray(pixels), 0.4)) for _ in range(10)]
    assert {each.shape for each in found} == {pixels.shape}
    steps = [np.abs(np.diff(each.astype(int), axis=0)).mean() for each in (pixels, *found)]
    assert max(steps[1:]) < 0.7 * steps[0]
    assert len({each.tobytes() for each in found}) > 1
