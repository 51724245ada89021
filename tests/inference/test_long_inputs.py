"""Files with many windows, which are loaded in parts."""

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.detect import Detection
from perceiver_cli.errors import CheckpointError, InputError
from perceiver_cli.inference import long_inputs
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.engine import WindowPrediction
from perceiver_cli.inference.long_inputs import clearest_part, is_long, predict_long
from perceiver_cli.inference.postprocess import PredictionOptions
from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.preparation.base import FIRST_WINDOWS, Window
from perceiver_cli.results import AttentionStats

LABELS = [Label("hum", "hum"), Label("bell", "bell")]
TOTAL = 100
# The one window of a bell among hums.
BELL = 77
OPTIONS = PredictionOptions(None, 0.0, attention=True, sure=0.8)


def window_at(n: int, signal: str) -> Window:
    """With levels of its own number, of which not all windows have as many."""
    location = {"index": n, "start_s": n * 1.0, "length_s": 2.0, "levels": np.full(10 + n % 3, n)}
    return Window({"audio": np.array(n)}, location, signal)


def windows_from(first: int, count: int, signal: str) -> tuple[Window, ...]:
    return tuple(window_at(n, signal) for n in range(first, min(first + count, TOTAL)))


class File:
    """A file of 100 windows, a second of work for each part of it that is loaded."""

    def __init__(self, signal: str = "present", broken: range = range(0)) -> None:
        self.signal = signal
        self.broken = broken
        self.loaded: list[tuple[int, int]] = []

    def part(self, source: Source) -> PreparedItem | FailedItem:
        first, count = source.part or (0, FIRST_WINDOWS)
        self.loaded.append((first, count))
        if first in self.broken:
            return FailedItem(source, InputError("corrupt", "ends early"), 1.0)
        return PreparedItem(
            source,
            Detection("audio", "wav", "RIFF/WAVE header"),
            Path("w"),
            windows_from(first, count, self.signal),
            {},
            seconds=1.0,
            total=TOTAL,
        )


class Engine:
    """Hears a bell in one window and hums in the others."""

    header = SimpleNamespace(name="tiny", labels=LABELS, recipe={})
    familiar = None
    tree = LabelTree(LABELS)

    def __init__(self, failing: int | None = None, bell: tuple[float, float] = (0.1, 0.9)) -> None:
        self.batches: list[int] = []
        self.failing = failing
        self.bell = bell

    def seconds(self) -> float:
        """Of work up to now: one for each batch."""
        return float(len(self.batches))

    def predict(self, windows, *, attention):
        self.batches.append(len(windows))
        if len(self.batches) == self.failing:
            raise CheckpointError("the weights are damaged")
        return [
            WindowPrediction(
                np.array(self.bell) if window.arrays["audio"] == BELL else np.array([0.6, 0.4]),
                AttentionStats([]) if attention else None,
                10,
                5,
            )
            for window in windows
        ]


def predicted(file: File, engine: Engine, *, attention: bool = True):
    item = file.part(Source("long.wav"))
    assert is_long(item)
    return predict_long(item, file.part, engine, replace(OPTIONS, attention=attention))


def test_every_window_is_read_once_a_few_at_a_time():
    file, engine = File(), Engine()
    result = predicted(file, engine, attention=False)
    assert file.loaded == [(0, 16), (16, 32), (48, 32), (80, 32)]
    assert (sum(engine.batches), max(engine.batches)) == (TOTAL, 8)
    assert [s["start_s"] for s in result.segments] == [float(n) for n in range(TOTAL)]
    assert [n for n, s in enumerate(result.segments) if s["label"] == "bell"] == [BELL]
    assert result.predictions[0].score == pytest.approx(0.6 - 0.5 / TOTAL, abs=1e-4)
    assert result.attention is None


def test_the_time_to_load_is_that_of_all_parts():
    result = predicted(File(), Engine(), attention=False)
    assert result.seconds["load"] == 4.0


def test_loading_and_the_model_are_timed_apart(monkeypatch):
    """Each batch takes the model a second of a clock of its own."""
    engine = Engine()
    monkeypatch.setattr(long_inputs, "time", SimpleNamespace(perf_counter=engine.seconds))
    result = predicted(File(), engine, attention=False)
    assert len(engine.batches) == 13
    assert result.seconds == {"load": 4.0, "model": 13.0}


def test_where_the_model_fails_nothing_more_is_loaded_and_no_thread_is_left():
    file, before = File(), set(threading.enumerate())
    with pytest.raises(CheckpointError, match="weights"):
        predicted(file, Engine(failing=3))
    assert file.loaded == [(0, 16), (16, 32), (48, 32)]
    assert set(threading.enumerate()) <= before


def test_what_loading_raises_is_raised():
    file, before = File(), set(threading.enumerate())

    def prepare(source: Source):
        raise CheckpointError("the weights are missing")

    with pytest.raises(CheckpointError, match="the weights are missing"):
        predict_long(file.part(Source("long.wav")), prepare, Engine(), OPTIONS)
    assert set(threading.enumerate()) <= before


def test_attention_is_that_of_the_window_with_the_clearest_answer():
    file = File()
    result = predicted(file, Engine())
    assert result.attention is not None
    # Hums are all alike: the first is taken.
    assert file.loaded[-1] == (0, 1)


def test_where_there_is_no_answer_nothing_more_is_loaded():
    file, engine = File("silent"), Engine()
    result = predicted(file, engine)
    assert (result.signal, result.predictions, result.attention) == ("silent", [], None)
    assert len(file.loaded) == 4
    assert engine.batches == []


def test_a_broken_part_is_left_out_and_noted():
    result = predicted(File(broken=range(48, TOTAL)), Engine(), attention=False)
    assert len(result.segments) == 48
    assert result.notes == ["some of it was left out: ends early"]


def test_behind_a_broken_part_the_clearest_window_is_still_the_right_one():
    file = File(broken=range(16, 48))
    result = predicted(file, Engine(bell=(0.9, 0.1)))
    assert [segment.get("index") for segment in result.segments] == [
        *[None] * 16,
        *range(48, TOTAL),
    ]
    assert result.segments[result.clearest_segment]["start_s"] == BELL
    assert file.loaded[-1] == (BELL, 1)
    assert clearest_part(Source("long.wav"), result).part == (BELL, 1)


def test_attention_is_that_of_the_only_window_that_can_be_read():
    file = File(broken=range(16, TOTAL))
    item = file.part(Source("long.wav"))
    item = replace(item, windows=item.windows[5:6])
    result = predict_long(item, file.part, Engine(), OPTIONS)
    assert [(s["start_s"], s["index"]) for s in result.segments] == [(5.0, 5)]
    assert result.attention is not None
    assert file.loaded[-1] == (5, 1)


def test_a_part_of_a_file_and_a_whole_one_are_not_long():
    item = File().part(Source("long.wav"))
    assert not is_long(replace(item, total=FIRST_WINDOWS))
    assert not is_long(replace(item, source=replace(item.source, part=WindowRange(0, 16))))
