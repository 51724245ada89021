"""Results from the predictions of windows."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_cli.checkpoints.familiar import FamiliarityStatistics
from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.detect import Detection
from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.engine import WindowPrediction
from perceiver_cli.inference.postprocess import PredictionOptions, failed_result, predict_batch
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import AttentionStats

LABELS = [Label(name, name) for name in ("cat", "dog", "wave")]


def item(name, *signals):
    windows = tuple(
        Window({}, {"index": number, "start_s": float(number), "length_s": 1.0}, signal)
        for number, signal in enumerate(signals)
    )
    return PreparedItem(
        Source(name), Detection("audio", "wav", "RIFF/WAVE header"), Path("w"), windows, {}
    )


def predicted(items, scores, familiar=None, distances=None, **options):
    """Results of an engine that gives these scores, window by window, and no two statistics."""
    distances = distances or [None] * len(scores)
    statistics = [AttentionStats([]) for _ in scores]
    engine = SimpleNamespace(
        header=SimpleNamespace(name="tiny", labels=LABELS, recipe={}),
        familiar=familiar,
        tree=LabelTree(LABELS),
        predict=lambda windows, attention: [
            WindowPrediction(np.array(row), stats, 10 + number, 5, distance)
            for number, (row, stats, distance) in enumerate(
                zip(scores, statistics, distances, strict=True)
            )
        ][: len(windows)],
    )
    settings = {"top": None, "min_score": 0.0, "attention": True, "sure": 0.8} | options
    return predict_batch(items, engine, PredictionOptions(**settings)), statistics


def test_scores_are_the_mean_over_windows_and_attention_is_of_the_clearest():
    rows = [(0.5, 0.4, 0.1), (0.2, 0.1, 0.7), (0.5, 0.2, 0.3), (0.6, 0.0, 0.4)]
    (result,), statistics = predicted([item("a", *["present"] * 4)], rows)
    mean = np.mean(rows, axis=0)
    assert [p.label for p in result.predictions] == ["cat", "wave", "dog"]
    assert [p.score for p in result.predictions] == pytest.approx(sorted(mean, reverse=True))
    assert result.attention is statistics[3]
    assert result.byte_array == {"elements": 13, "channels": 5}
    assert [(s["label"], s["score"], s["start_s"]) for s in result.segments] == [
        ("cat", 0.5, 0.0),
        ("wave", 0.7, 1.0),
        ("cat", 0.5, 2.0),
        ("cat", 0.6, 3.0),
    ]


def test_each_item_of_a_batch_gets_the_predictions_of_its_own_windows():
    items = [item("a", "present", "silent", "present"), item("b", "silent"), item("c", "present")]
    assert [each.signal for each in items] == ["present", "silent", "present"]
    rows = [(0.9, 0.1, 0.0), (0.7, 0.2, 0.1), (0.0, 0.1, 0.9)]
    (a, b, c), statistics = predicted(items, rows)
    assert [r.path for r in (a, b, c)] == ["a", "b", "c"]
    assert a.predictions[0].score == pytest.approx(0.8)
    assert [s["label"] for s in a.segments] == ["cat", None, "cat"]
    assert (b.signal, b.predictions, b.answer, b.attention) == ("silent", [], None, None)
    assert c.predictions[0].label == "wave"
    assert c.segments == []
    assert (a.attention, c.attention) == (statistics[0], statistics[2])


@pytest.mark.parametrize(("sure", "confident"), [(0.75, True), (0.75 + 1e-9, False), (0.5, True)])
def test_an_answer_reaches_the_score_that_is_asked_for(sure, confident):
    (result,), _ = predicted([item("a", "present")], [(0.75, 0.25, 0.0)], sure=sure)
    assert result.confident is confident
    assert (result.answer is not None) is confident


def test_top_and_the_least_score_limit_predictions():
    rows = [(0.25, 0.7, 0.05)]
    (result,), _ = predicted([item("a", "present")], rows, top=2)
    assert [p.label for p in result.predictions] == ["dog", "cat"]
    (result,), _ = predicted([item("a", "present")], rows, min_score=0.25)
    assert [p.label for p in result.predictions] == ["dog", "cat"]
    (result,), _ = predicted([item("a", "present")], rows, min_score=0.26)
    assert [p.label for p in result.predictions] == ["dog"]


def test_only_the_classes_asked_for_share_the_score():
    rows = [(0.2, 0.6, 0.2)]
    (result,), _ = predicted([item("a", "present")], rows, classes=("wave", "cat"), sure=0.5)
    assert [(p.label, p.score) for p in result.predictions] == [("cat", 0.5), ("wave", 0.5)]
    assert result.among == ["cat", "wave"]
    assert result.answer.label == "cat"


@pytest.mark.parametrize(
    ("distances", "familiar"), [([0.7, 1.3], True), ([0.7, 1.31], False), ([None, None], None)]
)
def test_what_is_familiar_is_told_by_the_mean_distance(distances, familiar):
    statistics = FamiliarityStatistics(np.eye(1), {"": np.zeros((1, 1))}, {"": 1.0})
    rows = [(0.5, 0.3, 0.2), (0.7, 0.1, 0.2)]
    (result,), _ = predicted([item("a", "present", "present")], rows, statistics, distances)
    assert result.familiar is familiar


def test_without_statistics_it_is_not_known_what_is_familiar():
    (result,), _ = predicted([item("a", "present")], [(1.0, 0.0, 0.0)], None, [0.1])
    assert result.familiar is None


def test_scores_have_four_digits():
    rows = [(2 / 3, 1 / 3, 0.0), (1 / 7, 6 / 7, 0.0)]
    (result,), _ = predicted([item("a", "present", "present")], rows)
    assert [s["score"] for s in result.segments] == [0.6667, 0.8571]
    assert [p.score for p in result.predictions] == [0.5952, 0.4048, 0.0]
    assert [(s["start_s"], s["end_s"]) for s in result.segments] == [(0.0, 1.0), (1.0, 2.0)]


def test_a_failure_says_how_long_it_took_to_read():
    result = failed_result(FailedItem(Source("a"), InputError("corrupt", "is cut off"), 1.23456))
    assert (result.path, result.error.kind, result.error.message) == ("a", "corrupt", "is cut off")
    assert result.seconds == {"load": 1.2346, "model": 0.0}
