"""A truncated JPEG is read up to its end; unsupported processes are named."""

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.errors import InputError
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source


def noise(height: int = 160, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def jpeg(pixels: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=80, **options)
    return buffer.getvalue()


def load(content: bytes, **options):
    return load_picture(Source("a.jpg", content), "jpeg", **options)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 3, 5, 12])
def test_missing_last_bytes(lost, progressive):
    whole = jpeg(noise(), progressive=progressive)
    picture, complete = load(whole[:-lost]), load(whole)
    assert np.array_equal(picture.pixels[:130], complete.pixels[:130])
    assert len(picture.notes) == 1
    assert "JPEG" in picture.notes[0]
    assert complete.notes == ()


def test_the_note_says_how_much_is_missing():
    whole = jpeg(noise())
    assert load(whole[:-2]).notes == ("the JPEG file lacks its end",)
    (note,) = load(whole[: len(whole) * 4 // 5]).notes
    assert "of its rows are missing" in note
    assert 15 <= int(note.split("%")[0].split()[-1]) <= 25


def test_a_progressive_file_may_lack_details():
    whole = jpeg(noise(), progressive=True)
    told = "the JPEG file lacks its end; details may be missing, as it is progressive"
    assert load(whole[: len(whole) // 2]).notes == (told,)


def test_a_picture_with_grey_below_lacks_only_its_end():
    pixels = noise()
    pixels[100:] = 90
    assert load(jpeg(pixels)[:-2]).notes == ("the JPEG file lacks its end",)


def test_most_of_it_missing_is_corrupt():
    whole = jpeg(noise())
    with pytest.raises(InputError) as caught:
        load(whole[: len(whole) // 3])
    assert caught.value.kind == "corrupt"
    assert "more than half" in caught.value.message


def test_a_reduced_decode_of_a_cut_jpeg():
    whole = jpeg(noise(800, 600))
    picture = load(whole[:-2], at_least=100)
    assert (picture.width, picture.height) == (600, 800)
    assert picture.pixels.shape == (200, 150, 3)


def test_rotated_and_cut():
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = jpeg(noise(), exif=exif)
    picture = load(whole[: len(whole) * 4 // 5])
    assert (picture.width, picture.height) == (160, 120)
    # The last rows as they are stored: on the left when turned clockwise.
    assert np.abs(picture.pixels[:, :10].astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("frame", "bits", "says"),
    [(0xF7, 8, "JPEG-LS"), (0xC3, 8, "lossless"), (0xC3, 16, "16 bits"), (0xC1, 12, "12 bits")],
)
def test_processes_that_no_viewer_shows(frame, bits, says):
    content = bytearray(jpeg(noise()))
    at = content.index(b"\xff\xc0")
    content[at + 1], content[at + 4] = frame, bits
    with pytest.raises(InputError) as caught:
        load(bytes(content))
    assert caught.value.kind == "unsupported"
    assert says in caught.value.message


def test_header_alone_is_corrupt():
    with pytest.raises(InputError) as caught:
        load(jpeg(noise())[:300])
    assert caught.value.kind == "corrupt"
