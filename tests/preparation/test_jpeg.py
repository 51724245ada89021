"""Pictures that are read as small JPEG files."""

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.adapters import build_adapter
from perceiver_cli.media.types import Picture, Video, VideoWindow
from perceiver_cli.preparation.image import ImagePreparation, ImageRecipe
from perceiver_cli.preparation.resampling import enlarge_centre, through_jpeg
from perceiver_cli.preparation.video import VideoPreparation, VideoRecipe

RECIPE = ImageRecipe(size=64, crop=0.875, jpeg=75)


@pytest.fixture
def photo():
    """A detailed picture of 300x200 pixels."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(64, 192, (25, 38, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((300, 200), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(pixels + rng.integers(-40, 40, (200, 300, 1)), 0, 255).astype(np.uint8)


def read(pixels, recipe):
    height, width = pixels.shape[:2]
    (window,) = ImagePreparation(recipe).windows(Picture(pixels, width, height))
    return window


def square(pixels):
    """The centre square at 64x64 pixels."""
    height, width = pixels.shape[:2]
    left = (width - height) // 2
    box = (left, 0, left + height, height)
    return np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.BICUBIC, box=box))


def small_jpeg(pixels):
    """The centre square as a JPEG file of 64x64 pixels, decoded."""
    file = io.BytesIO()
    Image.fromarray(square(pixels)).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def test_a_photo_is_read_as_its_small_jpeg_copy(photo):
    found = read(photo, RECIPE)
    expected = read(small_jpeg(photo), ImageRecipe(size=64, crop=0.875))
    plain = read(photo, ImageRecipe(size=64, crop=0.875))
    far, near = (
        np.abs(each.arrays["image"].astype(int) - expected.arrays["image"]).mean()
        for each in (plain, found)
    )
    assert near < 0.35 * far
    assert found.location == plain.location


def test_a_small_jpeg_file_stays_nearly_as_it_is(photo):
    file = small_jpeg(photo)
    whole = read(file, ImageRecipe(size=64, crop=1.0, jpeg=75)).arrays["image"]
    lost, again = (np.abs(file.astype(int) - other).mean() for other in (square(photo), whole))
    assert again < 0.3 * lost


def test_the_centre_fills_the_square():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[4:60, 4:60] = 200
    found = enlarge_centre(pixels, 0.875)
    assert (found[2:-2, 2:-2] == 200).all()
    assert (found > 150).all()
    assert np.array_equal(enlarge_centre(pixels, 1.0), pixels)


def test_a_plain_picture_stays_plain():
    pixels = np.full((64, 64, 3), 77, np.uint8)
    assert np.abs(through_jpeg(pixels, 75).astype(int) - 77).max() <= 1


def test_the_quality_is_checked():
    with pytest.raises(ValueError, match="jpeg"):
        build_adapter({"modality": "image", "jpeg": 96})


@pytest.mark.parametrize("other", ["crop_first", "round_up"])
def test_what_a_small_jpeg_file_cannot_have_is_refused(other):
    settings = {"modality": "image", "size": 16, other: True}
    build_adapter(settings)
    with pytest.raises(ValueError, match=f"^input settings jpeg and {other} exclude each other$"):
        build_adapter(settings | {"jpeg": 75})


def test_frames_are_read_as_pictures_are(photo):
    window = VideoWindow(np.stack([photo, photo[:, ::-1]]), np.array([0.0, 1.0]), 0.0)
    video = Video((window,), width=300, height=200, fps=None, duration_s=2.0)
    recipe = VideoRecipe(frames=2, size=64, crop=0.875, jpeg=75, audio=None)
    (found,) = VideoPreparation(recipe).windows(video)
    assert np.array_equal(found.arrays["video"][0], read(photo, RECIPE).arrays["image"])
