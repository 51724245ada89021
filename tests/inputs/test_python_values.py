"""Inputs in Python give the same results as the same content on disk."""

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_cli import Classifier
from perceiver_cli.inputs.python_values import as_source
from perceiver_cli.media.source import Source
from tests.samples import cloud_array, make_picture, picture_array, sweep


@pytest.fixture(scope="module")
def classifier(weights):
    from perceiver_cli.inference.decoding.preparer import Preparer

    made = Classifier(str(weights["image"]), attention=False)
    made.preparer = Preparer(dict(weights))
    return made


def scores(result) -> list[float]:
    assert result.ok, result.error
    return [prediction.score for prediction in result.predictions]


def test_bytes_and_open_files_are_as_the_file(classifier, media):
    for path in media.values():
        expected = classifier.classify(path)
        content = path.read_bytes()
        with open(path, "rb") as stream:
            given = [content, memoryview(content), io.BytesIO(content), stream]
            results = list(classifier.stream(given))
        assert {result.modality for result in results} == {expected.modality}
        assert all(scores(result) == scores(expected) for result in results)
        assert [result.path for result in results] == [
            "<bytes>", "<bytes>", "<file>", str(path),
        ]  # fmt: skip


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK"])
def test_a_pil_image_is_as_its_file(classifier, tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.fromarray(picture_array(90, 60)).convert(mode).save(path)
    with Image.open(path) as picture:
        result = classifier.classify(picture)
    assert result.path == str(path)
    assert scores(result) == pytest.approx(scores(classifier.classify(path)), abs=2e-3)


def deep_picture(mode: str) -> Image.Image:
    """A picture of a mode that holds more than 8 bits."""
    grey = np.add.outer(np.arange(60), np.arange(90)) * 1.7
    if mode == "F":
        return Image.fromarray((grey / 255).astype(np.float32))
    return Image.fromarray((grey * 257.0).astype(np.int32 if mode == "I" else ">u2"))


@pytest.mark.parametrize("mode", ["F", "I", "I;16B"])
def test_a_pil_image_of_more_than_8_bits_is_as_its_file(classifier, tmp_path, mode):
    path = tmp_path / "a.tif"
    deep_picture(mode).save(path)
    with Image.open(path) as picture:
        assert picture.mode == mode
        result = classifier.classify(picture)
    assert result.signal == "present"
    assert scores(result) == scores(classifier.classify(path))


def test_a_pil_image_is_turned_as_its_camera_was(classifier, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = make_picture(tmp_path / "turned.png", 90, 60, exif=exif)
    with Image.open(path) as picture:
        assert scores(classifier.classify(picture)) == scores(classifier.classify(path))


@pytest.mark.parametrize("size", [(0, 0), (5, 0)])
def test_a_pil_image_without_pixels_is_a_failure(classifier, size):
    empty, whole = classifier.stream([Image.new("RGB", size), Image.new("RGB", (9, 9))])
    assert (empty.path, empty.error.kind) == ("<picture>", "empty")
    assert whole.ok


def test_arrays(classifier):
    picture = classifier.classify(picture_array())
    assert (picture.modality, picture.path) == ("image", "<array>")
    cloud = classifier.classify(cloud_array(), modality="pointcloud")
    assert cloud.modality == "pointcloud"
    samples = sweep(1.5, 16000, 2)
    sound = classifier.classify(samples, rate=16000)
    assert sound.modality == "audio"
    assert sound.input == {"duration_s": 1.5, "sample_rate": 16000, "channels": 2}
    named = as_source((samples * 32767).astype(np.int16), rate=16000, name="tone")
    (result,) = classifier.stream([named])
    assert (result.path, result.modality) == ("tone", "audio")


def test_a_source_says_what_it_has_to_be(classifier, media):
    result = classifier.classify(media["image"], modality="sound")
    assert result.error.kind == "unsupported"
    assert result.error.message.endswith("not a sound")


def test_what_is_no_content_is_refused(classifier):
    for value in (3, None, io.StringIO("text"), [1, 2]):
        with pytest.raises(TypeError, match="the input must be"):
            as_source(value)
    with pytest.raises(TypeError, match="rate"):
        as_source(b"", rate=8000)
    with pytest.raises(ValueError, match="samples, channels"):
        as_source(np.zeros((2, 9000), np.float32), rate=8000)
    with pytest.raises(ValueError, match="int16"):
        as_source(np.zeros(9000, np.complex64), rate=8000)
    with pytest.raises(ValueError, match="no such modality: smell"):
        as_source(b"", modality="smell")
    assert as_source(source := Source("a.png")) is source


@pytest.mark.parametrize("rate", [0, -1, 2.5, float("nan"), float("inf"), 2**31, "8000"])
def test_a_rate_is_a_whole_number_of_samples(classifier, rate):
    with pytest.raises(ValueError, match="rate must be an integer from 1 to"):
        classifier.classify(np.zeros(9000, np.float32), rate=rate)


@pytest.mark.parametrize("rate", [16000.0, np.float32(16000), np.int64(16000)])
def test_a_whole_rate_may_be_of_any_type(classifier, rate):
    result = classifier.classify(sweep(1.5, 16000, 1), rate=rate)
    assert result.input["sample_rate"] == 16000


def test_one_file_is_not_several(classifier, media):
    path = media["image"]
    with open(path, "rb") as stream:
        for one in (path, str(path), path.read_bytes(), bytearray(b"ab"), stream):
            with pytest.raises(TypeError, match=r"inputs must be a list.*use classify"):
                classifier.stream(one)


@pytest.mark.parametrize(
    ("shape", "file_advice", "array_advice"),
    [
        ((9000,), "so save it as WAV", "say it with rate="),
        (
            (3, 400, 3),
            "say which with --modality image or --modality pointcloud",
            'say which with modality="image" or modality="pointcloud"',
        ),
    ],
)
def test_advice_on_an_array_names_arguments(classifier, tmp_path, shape, file_advice, array_advice):
    array = np.ones(shape, np.float32)
    np.save(tmp_path / "array.npy", array)
    assert classifier.classify(tmp_path / "array.npy").error.message.endswith(file_advice)
    assert classifier.classify(array).error.message.endswith(array_advice)
