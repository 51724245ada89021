"""Events from the scores of windows, on timelines made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.inference import events
from perceiver_cli.inference.events import (
    EventSettings,
    Timeline,
    find_events,
    settings_of,
    timeline_of,
    votes_of,
)
from perceiver_cli.preparation.base import Window

LABELS = [Label("dog", "dog bark"), Label("siren", "siren")]
PLAIN = EventSettings(on=0.5, off=0.5, gap_s=0.3, least_s=0.2, smooth_s=0.0)


def timeline(*parts: tuple[float, tuple[float, float], float]) -> Timeline:
    """(seconds, (score of dog, score of siren), level) one after another."""
    scores = [np.tile(score, (round(10 * seconds), 1)) for seconds, score, _ in parts]
    levels = [np.full(round(10 * seconds), level) for seconds, _, level in parts]
    return Timeline(np.concatenate(scores), np.concatenate(levels))


def spans(found: list[dict]) -> list[tuple]:
    return [(e["label"], e["start_s"], e["end_s"]) for e in found]


def test_an_event_begins_high_and_lasts_until_it_is_low():
    made = timeline((2, (0.3, 0), 0.1), (1, (0.6, 0), 0.1), (1, (0.3, 0), 0.1), (1, (0.2, 0), 0.1))
    # 0.3 is enough to go on, in both directions, but not to begin.
    assert spans(find_events(made, LABELS, PLAIN)) == [("dog bark", 0.0, 4.0)]
    low = timeline((5, (0.3, 0), 0.1))
    assert find_events(low, LABELS, PLAIN) == []


def test_several_classes_at_a_time_in_the_order_of_their_beginnings():
    made = timeline((1, (0.1, 0.9), 0.1), (1, (0.5, 0.5), 0.1), (1, (0.9, 0.0), 0.1))
    found = find_events(made, LABELS, PLAIN)
    assert spans(found) == [("siren", 0.0, 2.0), ("dog bark", 1.0, 3.0)]
    assert found[0]["id"] == "siren"
    assert found[0]["score"] == pytest.approx(0.7)


def test_gaps_are_closed_and_short_events_left_out():
    made = timeline(
        (1, (0.9, 0), 0.1), (0.3, (0, 0), 0.1), (1, (0.9, 0), 0.1), (1, (0, 0), 0.1),
        (0.1, (0.9, 0), 0.1), (1, (0, 0), 0.1),
    )  # fmt: skip
    assert spans(find_events(made, LABELS, PLAIN)) == [("dog bark", 0.0, 2.3)]


def test_a_quiet_background_counts_less_and_gives_the_edges():
    quiet, loud = 0.001, 0.1
    made = timeline((3, (0.9, 0), quiet), (1, (0.9, 0), loud), (3, (0.9, 0), quiet))
    settings = EventSettings(
        on=0.5, off=0.5, quiet=0.2, gap_s=0.3, smooth_s=0.0, depth_db=20, rise_db=10
    )
    assert spans(find_events(made, LABELS, settings)) == [("dog bark", 3.0, 4.0)]
    # Without much difference there is no background: rain is what the file is about.
    even = timeline((3, (0.9, 0), 0.05), (1, (0.9, 0), loud), (3, (0.9, 0), 0.05))
    assert spans(find_events(even, LABELS, settings)) == [("dog bark", 0.0, 7.0)]


def test_silence_is_named():
    made = timeline((1, (0.9, 0), 0.1), (2, (0, 0), 0.0), (1, (0.9, 0), 0.1), (0.5, (0, 0), 0.0))
    found = find_events(made, LABELS, PLAIN)
    assert ("silence", 1.0, 3.0) in spans(found)
    (silence,) = (e for e in found if e["label"] == "silence")
    assert (silence["id"], silence["score"]) == (None, None)


def window(start_s: float, level: float, present: bool = True) -> Window:
    levels = np.full(20, level, np.float32)
    location = {"start_s": start_s, "length_s": 2.0, "levels": levels, "levels_start_s": start_s}
    return Window({}, location, "present" if present else "silent")


def test_windows_that_overlap_are_averaged():
    windows = [window(0.0, 0.1), window(1.0, 0.1), window(2.0, 0.0, present=False)]
    scores = [np.array([0.2, 0.8]), np.array([0.6, 0.4]), None]
    made = timeline_of(windows, scores, 2.0)
    assert made.scores.shape == (40, 2)
    assert made.scores[:10] == pytest.approx(np.tile([0.2, 0.8], (10, 1)))
    assert made.scores[10:20] == pytest.approx(np.tile([0.4, 0.6], (10, 1)))
    # What is silent says nothing, but counts.
    assert made.scores[25] == pytest.approx([0.3, 0.2])
    assert made.levels[19] == pytest.approx(0.1)


def test_windows_of_a_silent_film_last_as_long_as_the_recipe_says():
    windows = [Window({}, {"start_s": start}) for start in (0.0, 1.0)]
    made = timeline_of(windows, [np.array([1.0]), np.array([0.0])], 2.0)
    assert made.scores[:, 0].tolist() == [1.0] * 10 + [0.5] * 10 + [0.0] * 10
    assert np.isnan(made.levels).all()


def test_windows_of_background_have_no_vote():
    windows = [window(0.0, 0.001), window(2.0, 0.1), window(4.0, 0.001)]
    made = timeline_of(windows, [np.array([1.0, 0.0])] * 3, 2.0)
    settings = EventSettings(depth_db=20, rise_db=10)
    assert votes_of(windows, made, settings) == pytest.approx([0.0, 1.0, 0.0])


def test_settings_of_a_checkpoint_are_checked():
    assert settings_of({}) == EventSettings()
    assert settings_of({"on": 0.7}).on == 0.7
    with pytest.raises(ValueError, match="unknown event settings: onn"):
        settings_of({"onn": 0.7})


def test_the_usual_settings_close_short_gaps_and_leave_out_blips():
    usual = EventSettings(smooth_s=0.0)
    made = timeline((1, (0.9, 0), 0.1), (0.6, (0, 0), 0.1), (1, (0.9, 0), 0.1))
    assert spans(find_events(made, LABELS, usual)) == [("dog bark", 0.0, 2.6)]
    apart = timeline((1, (0.9, 0), 0.1), (0.9, (0, 0), 0.1), (1, (0.9, 0), 0.1))
    assert len(find_events(apart, LABELS, usual)) == 2
    blips = timeline((0.3, (0.9, 0), 0.1), (2, (0, 0), 0.1), (0.5, (0.9, 0), 0.1))
    assert spans(find_events(blips, LABELS, usual)) == [("dog bark", 2.3, 2.8)]
    # Half begins an event, and three twentieths let it go on.
    fading = timeline((1, (0.5, 0), 0.1), (1, (0.16, 0), 0.1), (2, (0.14, 0), 0.1))
    assert spans(find_events(fading, LABELS, usual)) == [("dog bark", 0.0, 2.0)]
    assert find_events(timeline((4, (0.49, 0), 0.1)), LABELS, usual) == []


def test_scores_are_averaged_over_two_seconds():
    made = timeline((3, (0, 0), 0.1), (1, (1.0, 0), 0.1), (3, (0, 0), 0.1))
    (event,) = find_events(made, LABELS, EventSettings())
    # A second is half of each mean that holds all of it; tails of 0.15 to either side.
    assert event["start_s"] == pytest.approx(2.3, abs=0.11)
    assert event["end_s"] == pytest.approx(4.7, abs=0.11)


def test_a_mean_over_two_steps_is_a_mean():
    made = Timeline(np.array([[0.0], [1.0], [0.0], [0.0]]), np.full(4, 0.1))
    assert events.running_mean(made.scores[:, 0], np.ones(4), 2).tolist() == [0.5, 0.5, 0.0, 0.0]
    alone = made.scores[:, 0]
    assert events.running_mean(alone, np.ones(4), 1) is alone
