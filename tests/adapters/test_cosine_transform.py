from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.cosine_transform import CosineTransform, spectrogram_transform

SAMPLES = Path(__file__).parents[2] / "perceiver_cli" / "samples"


@pytest.mark.parametrize("patch", [(4, 4), (8, 8), (1, 1), (2, 4, 4)])
def test_pixels_come_back_from_the_coefficients(patch):
    cosines = CosineTransform(patch)
    values = torch.randn(5, 7, len(cosines.matrix))
    coefficients, magnitudes = cosines(values).chunk(2, -1)
    assert torch.equal(coefficients.abs(), magnitudes)
    back = coefficients @ torch.linalg.inv(cosines.matrix)
    torch.testing.assert_close(back, values, rtol=1e-4, atol=1e-4)


def test_coefficients_are_those_of_the_transform():
    """By hand, for one picture of a single wave along each side."""
    across, down = torch.arange(4) + 0.5, (torch.arange(4) + 0.5).unsqueeze(1)
    wave = (torch.pi / 4 * across).cos() * (torch.pi / 2 * down).cos()
    grey = wave.unsqueeze(-1).expand(4, 4, 3).flatten()
    found = CosineTransform((4, 4))(grey)[:48].view(4, 4, 3)
    expected = torch.zeros(4, 4, 3)
    # The sum of each wave's squares is 2, of grey's 3; its frequency is (2, 1).
    expected[2, 1, 0] = (2 * 2 * 3) ** 0.5 / (0.45 * 4 / 5**0.5)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_red_against_blue_is_a_colour_of_its_own():
    red, green, blue = torch.eye(3).repeat(1, 16).unbind(0)
    flat = CosineTransform((4, 4))(
        torch.stack([red + green + blue, red - blue, red - 2 * green + blue])
    )
    assert torch.equal(flat[:, :48].abs() > 1e-4, torch.eye(3, 48) > 0)


def test_a_still_has_the_same_coefficients_as_its_picture_and_no_others():
    picture = torch.randn(48)
    still = CosineTransform((2, 4, 4))(picture.repeat(2))
    torch.testing.assert_close(still[:48], CosineTransform((4, 4))(picture)[:48])
    assert still[48:96].abs().max() < 1e-5


def test_a_photograph_has_coefficients_of_about_one():
    adapter = build_adapter({"modality": "image", "values": "cosines"})
    pixels = np.asarray(Image.open(SAMPLES / "coffee.jpg").convert("RGB").resize((64, 64)))
    x = adapter.byte_array({"image": torch.from_numpy(pixels.copy())[None]})["image"]
    assert 0.3 < x[..., :48].square().mean().sqrt() < 1.5


def test_unknown_values_are_refused():
    with pytest.raises(ValueError, match="must be"):
        build_adapter({"modality": "image", "values": "waves"})
    with pytest.raises(ValueError, match="not of cosines"):
        build_adapter({"modality": "image", "values": "cosines", "windows": "same"})


def test_a_spectrograms_levels_are_waves_too():
    cosines = spectrogram_transform("cosines", (4, 4))
    values = torch.randn(5, 16)
    coefficients, magnitudes = cosines(values).chunk(2, -1)
    assert torch.equal(coefficients.abs(), magnitudes)
    torch.testing.assert_close(coefficients @ torch.linalg.inv(cosines.matrix), values)
    assert spectrogram_transform("levels", (4, 4)) is None
    with pytest.raises(ValueError, match="waves"):
        build_adapter({"modality": "audio", "values": "waves"})
