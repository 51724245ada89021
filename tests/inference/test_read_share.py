from pathlib import Path

import pytest

from perceiver_cli.detect import Detection
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.items import PreparedItem
from perceiver_cli.inference.read_share import read_share
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Window
from tests.samples import make_sound_with_gap


def sound(starts, duration_s, read_whole=False, missing=0):
    windows = tuple(Window({}, {"start_s": start}) for start in starts)
    facts = {"duration_s": duration_s}
    detection = Detection("audio", "wav", "")
    return PreparedItem(
        Source("a"),
        detection,
        Path("w"),
        windows,
        facts,
        total=len(windows) + missing,
        read_whole=read_whole,
    )


@pytest.mark.parametrize(
    ("item", "seconds", "share"),
    [
        (sound([0, 20, 40], 60.0), 6.0, 0.1),
        (sound([0, 1, 2], 60.0), 4.0, 0.0667),
        (sound([0], 0.5), 0.5, 1.0),
        (sound([0, 1], 60.0, read_whole=True), 60.0, 1.0),
        (sound([0, 1, 5], 60.0, read_whole=True, missing=3), 5.0, 0.0833),
    ],
)
def test_seconds_that_any_window_covers(item, seconds, share):
    read = {"share": share, "seconds": seconds, "overlapping": item.read_whole}
    assert read_share(item, {"window_s": 2.0}) == read


def test_what_could_not_be_read_of_a_long_sound_does_not_count(weights, tmp_path):
    path = make_sound_with_gap(tmp_path / "gap.wav", 20, 8.0, 20)
    read = Classifier(str(weights["audio"])).classify(path).read
    # The last of the windows that are read begins at 7.5 s.
    assert read == {"share": 0.425, "seconds": 8.5, "overlapping": True}


def test_a_picture_is_read_in_its_middle_square(weights, media):
    result = Classifier(str(weights["image"])).classify(media["image"])
    # The sides of a JPEG that is decoded at a smaller size are rounded.
    share = pytest.approx(300 / 451, rel=0.01)
    assert result.read == {"share": share, "area": share}


def test_a_shape_is_read_whole(weights, media):
    assert Classifier(str(weights["pointcloud"])).classify(media["pointcloud"]).read == {"share": 1}
