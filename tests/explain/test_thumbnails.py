import sys
from dataclasses import replace

import numpy as np
import pytest

from perceiver_cli.explain.explanation import explain
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.media.source import Source
from perceiver_cli.report.drawings.thumbnail import thumbnail
from tests.samples import make_sound


@pytest.mark.parametrize(
    ("modality", "wide", "high"),
    [
        ("image", 90, 60),
        ("audio", 180, 60),
        ("pointcloud", 90, 90),
        ("video", 180, 120 // 3),
        ("av", 180, 120 // 3 + 22),
    ],
)
def test_every_modality_without_matplotlib(bundle, media, monkeypatch, modality, wide, high):
    for name in [n for n in sys.modules if n.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    pictures = thumbnail(explain(Source(str(media[modality])), Classifier()), 90)
    assert pictures.plain.shape == pictures.heat.shape == (high, wide, 3)
    assert pictures.plain.dtype == pictures.heat.dtype == np.uint8
    assert pictures.plain.std() > 5
    assert (pictures.plain != pictures.heat).any()


def test_a_shape_stands_upright(bundle, media):
    plain = thumbnail(explain(Source(str(media["pointcloud"])), Classifier()), 90).plain
    drawn = plain.max(-1) > 60
    # The box is 1 x 2 x 3 with z up.
    assert np.ptp(np.flatnonzero(drawn.any(1))) > 1.2 * np.ptp(np.flatnonzero(drawn.any(0)))


@pytest.mark.parametrize("clearest", [0, 1, 2])
def test_of_several_windows_the_clearest_is_shown(bundle, tmp_path, clearest):
    path = make_sound(tmp_path / "long.wav", 3.5)
    explanation = explain(Source(str(path)), Classifier())
    segments = [{"start_s": float(n), "label": "other", "score": 0.9} for n in range(4)]
    segments[clearest] |= {"label": explanation.result.predictions[0].label, "score": 0.5}
    told = replace(explanation.result, segments=segments)
    shown = thumbnail(replace(explanation, result=told), 90).plain
    alone = replace(explanation.result, segments=[])
    each = [
        thumbnail(replace(explanation, result=alone, windows=(window,)), 90).plain
        for window in explanation.windows
    ]
    assert [(shown == plain).all() for plain in each] == [n == clearest for n in range(len(each))]
