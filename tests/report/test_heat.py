import io

import numpy as np
import pytest

from perceiver_cli.report.blocks import show_blocks
from perceiver_cli.report.drawings.colours import Scale, heat
from perceiver_cli.report.terminal import console_for
from tests.report.test_writers import Stream


def test_heavier_is_lighter_and_no_colour_leaps():
    colours = heat(np.linspace(0, 1, 256))
    assert colours.min() >= 0
    assert colours.max() <= 1
    light = colours @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) > 0).all()
    assert np.abs(np.diff(colours, axis=0)).max() < 0.03


def test_a_scale_reaches_to_the_heaviest_but_for_a_few():
    values = np.concatenate([np.full(1000, 0.5), [50.0]])
    assert Scale.over([values]).top == 2.0
    assert Scale.over([np.linspace(0, 100, 1001)]).top == pytest.approx(99.5)
    assert Scale(4.0).level(np.array([0, 1, 4, 9])).tolist() == [0, 0.5, 1, 1]


@pytest.fixture
def picture():
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 20:] = 255
    return pixels


def test_two_pixels_to_a_character(picture, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Stream(terminal=True)
    show_blocks(console_for(stream, 80), picture, 40, 20)
    lines = stream.text().splitlines()
    assert len(lines) == 10
    assert {line.count("▀") for line in lines} == {40}
    assert "38;2;255;255;255;48;2;255;255;255" in lines[0]


@pytest.mark.parametrize(("encoding", "line"), [("utf-8", "█"), ("ascii", "#")])
def test_without_colour_light_is_dense(picture, monkeypatch, encoding, line):
    stream = Stream(encoding)
    show_blocks(console_for(stream, 80), picture, 40, 20)
    assert stream.text().splitlines() == [" " * 20 + line * 20] * 10


def test_no_wider_than_the_terminal(picture):
    stream = io.StringIO()
    show_blocks(console_for(stream, 12), picture, 40, 20)
    assert {len(line) for line in stream.getvalue().splitlines()} == {12}


def test_no_taller_than_asked_for(picture):
    stream = io.StringIO()
    show_blocks(console_for(stream, 80), picture, 40, 5)
    assert [len(line) for line in stream.getvalue().splitlines()] == [20] * 5
