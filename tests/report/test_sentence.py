import pytest

from perceiver_cli.report.sentence import attention_in_words
from perceiver_cli.results import AttentionStats, CrossAttendStats, Focus
from tests.report.results import classified


def cross_attend(effective, where, mass=0.12, share=None) -> CrossAttendStats:
    return CrossAttendStats(
        7.0, 5.0, 0.1, 0.2, None, share or {"x": 1.0}, [Focus(where, mass)], effective
    )


def words(*cross_attends, **changes) -> str:
    values = {
        "byte_array": {"elements": 1000, "channels": 9},
        "attention": AttentionStats([*cross_attends]),
    }
    return attention_in_words(classified(**(values | changes)))


UPPER_LEFT = {"x0": 0, "y0": 0, "x1": 100, "y1": 60}


@pytest.mark.parametrize(
    ("box", "region"),
    [
        (UPPER_LEFT, "the upper left"),
        ({"x0": 200, "y0": 0, "x1": 250, "y1": 60}, "the top"),
        ({"x0": 200, "y0": 120, "x1": 250, "y1": 180}, "the middle"),
        ({"x0": 400, "y0": 120, "x1": 451, "y1": 180}, "the right"),
        ({"x0": 400, "y0": 250, "x1": 451, "y1": 300}, "the lower right"),
        ({"x0": 200, "y0": 250, "x1": 250, "y1": 300}, "the bottom"),
    ],
)
def test_regions_of_a_picture(box, region):
    assert words(cross_attend(30, box)) == (
        f"Attends to 3 % of the picture, most of all to {region} (12 % of attention)."
    )


def test_changes_between_cross_attends():
    middle = {"x0": 200, "y0": 120, "x1": 250, "y1": 180}
    assert words(
        cross_attend(300, UPPER_LEFT), cross_attend(8, UPPER_LEFT, 0.4), cross_attend(30, middle)
    ) == (
        "Attends to 30 % of the picture, most of all to the upper left (12 % of attention); the "
        "second cross-attend narrows to 0.8 %, still most of all to the upper left (40 %); the "
        "third cross-attend widens to 3 %, most of all to the middle (12 %)."
    )
    assert "; the second cross-attend takes in as much, " in words(
        cross_attend(300, UPPER_LEFT), cross_attend(301, UPPER_LEFT)
    )


def test_sound_and_streams():
    facts = {"duration_s": 4.0, "sample_rate": 22050, "channels": 1}
    one = words(cross_attend(500, {"start_s": 1.2, "end_s": 1.6}), modality="audio", input=facts)
    assert one == ("Attends to 50 % of the sound, most of all at 1.2 to 1.6 s (12 % of attention).")
    several = words(
        cross_attend(500, {"start_s": 101.25, "end_s": 101.5}),
        modality="audio",
        input=facts,
        segments=[{"start_s": 4.0 * n, "label": "rain", "score": 0.5} for n in range(30)],
    )
    assert several.startswith(
        "Attends to 50 % of the clearest of 30 windows, most of all at 101.25"
    )
    both = words(
        cross_attend(500, {"time_s": 0.5, **UPPER_LEFT}, share={"video": 0.7, "audio": 0.3}),
        modality="av",
    )
    assert both == (
        "Attends to 50 % of the video and its sound, most of all to the upper left at 0.5 s "
        "(12 % of attention; 70 % pictures, 30 % sound)."
    )


@pytest.mark.parametrize(
    ("up", "region"), [("z", "the upper back left"), ("y", "the upper front left")]
)
def test_corners_of_a_shape(up, region):
    upper = Focus({"min": [0, 1, 1], "max": [1, 2, 2]}, 0.5)
    lower = Focus({"min": [1, 0, 0], "max": [2, 1, 1]}, 0.3)
    stats = CrossAttendStats(7, 100, 0.1, 0.2, None, {"pointcloud": 1.0}, [upper, lower], 100)
    facts = {"kind": "cloud", "vertices": 9, "faces": 0, "up": up, "extent": [2, 2, 2]}
    assert words(stats, modality="pointcloud", input=facts) == (
        f"Attends to 10 % of the shape, most of all to {region} (50 % of attention)."
    )


def test_no_attention_no_words():
    assert attention_in_words(classified(attention=None)) == ""
