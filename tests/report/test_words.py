import os

import pytest
from rich.cells import cell_len

from perceiver_cli.report.input_words import input_in_words
from perceiver_cli.report.words import (
    escape_controls,
    fill,
    region_in_words,
    seconds_in_words,
    shorten,
    wrap,
)


@pytest.mark.parametrize(
    ("modality", "facts", "words"),
    [
        ("image", {"width": 451, "height": 300, "format": "JPEG", "mode": "RGB"}, "451x300 JPEG"),
        ("image", {"width": 8, "height": 9, "format": "PNG", "mode": "L"}, "8x9 PNG, grey"),
        (
            "image",
            {"width": 8, "height": 9, "format": "JPEG", "mode": "RGB", "exif_orientation": 6},
            "8x9 JPEG, turned upright",
        ),
        (
            "image",
            {"width": 8, "height": 9, "format": "TIFF", "mode": "RGB", "frames": 12},
            "8x9 TIFF, first of 12 frames",
        ),
        (
            "audio",
            {"duration_s": 4.0, "sample_rate": 22050, "channels": 2},
            "4.0 s, 22.1 kHz stereo",
        ),
        (
            "audio",
            {"duration_s": 4.0, "sample_rate": 8, "channels": 1},
            "4.0 s, 8 Hz mono",
        ),
        (
            "audio",
            {"duration_s": 3725.0, "sample_rate": 48000, "channels": 6},
            "1 h 2 min, 48 kHz 6 channels",
        ),
        (
            "pointcloud",
            {"kind": "mesh", "vertices": 8, "faces": 1234, "up": "y", "extent": [1.0, 2.0, 3.25]},
            "mesh of 1,234 faces, 1 x 2 x 3.25, y up",
        ),
        (
            "pointcloud",
            {"kind": "cloud", "vertices": 50, "faces": 0, "up": "z", "extent": [1.0, 2.0, 3.0]},
            "cloud of 50 points, 1 x 2 x 3, z up",
        ),
        (
            "av",
            {"width": 64, "height": 36, "duration_s": 125.3, "fps": 29.97, "sound": True},
            "64x36, 2 min 5 s, 30 frames/s, with sound",
        ),
        (
            "video",
            {"width": 64, "height": 36, "duration_s": 1.0, "fps": None, "sound": False},
            "64x36, 1.0 s, no sound",
        ),
    ],
)
def test_facts_read_as_a_phrase(modality, facts, words):
    assert input_in_words(modality, facts) == words


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"x0": 120, "y0": 40, "x1": 200, "y1": 120}, "x 120-200, y 40-120"),
        ({"start_s": 1.2, "end_s": 1.4}, "1.20-1.40 s"),
        ({"time_s": 0.5, "x0": 1, "y0": 2, "x1": 3, "y1": 4}, "0.50 s, x 1-3, y 2-4"),
        ({"min": [-0.001, 0, 0], "max": [1, 0, 1]}, "x 0.00..1.00, y 0.00..0.00, z 0.00..1.00"),
        (
            {"min": [500123.0, 20.0, 0.0], "max": [500623.0, 70.0, 5.0]},
            "x 500123..500623, y 20..70, z 0..5",
        ),
        ({"min": [1, 1, 1], "max": [1, 1, 1]}, "x 1.00..1.00, y 1.00..1.00, z 1.00..1.00"),
    ],
)  # fmt: skip
def test_regions_in_words(where, words):
    assert region_in_words(where) == words


def test_seconds_in_words():
    assert [seconds_in_words(s) for s in (0, 0.004, 4, 59.9, 200, 3900)] == [
        "0.0 s",
        "0.004 s",
        "4.0 s",
        "59.9 s",
        "3 min 20 s",
        "1 h 5 min",
    ]


def test_escape_controls_keeps_readable_text_and_escapes_the_rest():
    assert escape_controls("née 日本 [bold].jpg") == "née 日本 [bold].jpg"
    assert escape_controls("a\nb\tc\x1b[31m\x9b") == "a\\nb\\tc\\x1b[31m\\x9b"
    assert escape_controls(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"


def test_escape_controls_escapes_what_turns_the_direction_of_text():
    assert escape_controls("photo\u202egpj.exe") == "photo\\u202egpj.exe"
    marks = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    assert escape_controls(marks) == "".join(f"\\u{ord(mark):04x}" for mark in marks)
    # Joiners are part of words and of emoji.
    assert escape_controls("नी\u200d \u200c") == "नी\u200d \u200c"


@pytest.mark.parametrize("width", [1, 5, 12, 24, 80])
@pytest.mark.parametrize(
    "path",
    ["a/b.jpg", "holiday/2019/IMG_0001.jpg", "日本語の/とても長い名前のファイル.jpg", "x" * 90],
)
def test_shortened_paths_fit(path, width):
    assert cell_len(shorten(path, width)) <= width


def test_shortened_paths_keep_the_name():
    assert shorten("holiday/2019/beach/IMG_0001.jpg", 20).endswith("/IMG_0001.jpg")
    assert shorten("x/first-middle-last.jpg", 12) == "first-…t.jpg"
    assert shorten("short.jpg", 12) == "short.jpg"


def test_fill_divides_no_part():
    assert fill(["aaaa", "bbbb", "cccc"], 12) == ["aaaa, bbbb,", "cccc"]
    assert fill(["a" * 30, "b"], 12) == ["a" * 30 + ",", "b"]
    assert fill(["one"], 12) == ["one"]


def test_numbers_keep_their_percent_sign():
    assert wrap("Attends to 12 % of it.", 14) == "Attends to\n12 % of it."
    assert wrap("", 14) == ""
