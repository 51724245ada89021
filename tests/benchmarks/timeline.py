"""Accuracy of event detection in mixes of known sounds at known times.

    python -m tests.benchmarks.timeline choose SOUNDS/train --model NAME|FILE [--write]
    python -m tests.benchmarks.timeline measure SOUNDS/val --model NAME|FILE
    python -m tests.benchmarks.timeline mix SOUNDS/val OUT

SOUNDS/train and SOUNDS/val hold a folder of clips for each class. `choose` looks for the settings
of inference/events.py with the highest segment F1 plus event F1, and with --write puts them into
the checkpoint. `measure` prints segment F1 (segments of 1 s, micro-averaged) and event F1 (same
label, onset and offset within 0.5 s). `mix` writes the mixes as FLAC files with Audacity labels.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Label, load_checkpoint, save_checkpoint
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.events import (
    EventSettings,
    Timeline,
    find_events,
    settings_of,
    timeline_of,
)
from perceiver_cli.inference.postprocess import predict_windows
from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.preparation.base import ReadOptions, Window
from tests.benchmarks.mixes import RATE, Mix, make_mixes

# Windows -> a score vector for each, None without a signal.
Scorer = Callable[[list[Window]], list[np.ndarray | None]]

COLLAR_S = 0.5
# Half a second takes twice the time of one, for 0.804 instead of 0.796 segment F1 and 0.610 instead
# of 0.567 event F1 on 30 mixes of training clips.
HOPS = (2.0, 1.0)
GRID = {
    "on": (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5),
    "off": (0.3, 0.5, 0.7, 1.0),
    "rise_db": (4.0, 6.0, 8.0, 10.0, 13.0),
    "quiet": (0.0, 0.1, 0.2, 0.4),
    "gap_s": (0.3, 0.5, 1.0, 1.5, 2.0),
    "least_s": (0.1, 0.2, 0.4),
    "smooth_s": (0.1, 0.5, 1.0, 2.0),
}


@dataclass(frozen=True)
class Read:
    """A mix as the model reads it: windows without arrays, a score vector or None for each."""

    mix: Mix
    windows: list[Window]
    scores: list[np.ndarray | None]

    def timeline(self, window_s: float) -> Timeline:
        """The mix in steps of time."""
        return timeline_of(self.windows, self.scores, window_s)

    def every(self, step: int) -> Read:
        """Every step-th window, and the last."""
        chosen = [
            i for i in range(len(self.windows)) if i % step == 0 or i == len(self.windows) - 1
        ]
        return Read(self.mix, [self.windows[i] for i in chosen], [self.scores[i] for i in chosen])


def read_mixes(
    mixes: Iterable[Mix], classifier: Classifier, hop_s: float, scorer: Scorer | None = None
) -> list[Read]:
    """The scores of every window of every mix, from the classifier or another scorer."""
    found = []
    preparer = replace(classifier.preparer, read_options=ReadOptions(timeline=True, hop_s=hop_s))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mix.wav"
        for mix in mixes:
            soundfile.write(path, mix.samples, RATE, subtype="FLOAT")
            item = preparer.prepare(Source(str(path), part=WindowRange(0, 10**6)))
            if scorer:
                scores = scorer(item.windows)
            else:
                predicted = predict_windows(
                    item.windows, classifier.engine_of(item), attention=False
                )
                scores = [None if p is None else p.scores for p in predicted]
            found.append(Read(mix, [replace(w, arrays={}) for w in item.windows], scores))
    return found


def timelines_by_hop(
    finest: list[Read], window_s: float
) -> dict[float, list[tuple[Mix, Timeline]]]:
    """Hop -> the mixes with windows at that hop; given at the shortest hop."""
    return {
        hop: [(r.mix, r.every(round(hop / min(HOPS))).timeline(window_s)) for r in finest]
        for hop in HOPS
    }


def f1_scores(
    timelines: list[tuple[Mix, Timeline]], labels: list[Label], settings: EventSettings
) -> dict[str, float]:
    """Segment and event F1 over all mixes."""
    hits = np.zeros((2, 3))  # segment and event: right, predicted, true
    for mix, timeline in timelines:
        events = find_events(timeline, labels, settings)
        told = [(e["id"], e["start_s"], e["end_s"]) for e in events if e["id"]]
        one, other = _seconds(told), _seconds(mix.events)
        hits[0] += len(one & other), len(one), len(other)
        hits[1] += _matched(told, mix.events), len(told), len(mix.events)
    names = ("segment", "event")
    result = {}
    for name, (right, predicted, true) in zip(names, hits, strict=True):
        result[f"{name}_precision"] = right / max(predicted, 1)
        result[f"{name}_recall"] = right / max(true, 1)
        result[f"{name}_f1"] = 2 * right / max(predicted + true, 1)
    return {name: round(float(value), 4) for name, value in result.items()}


def _seconds(events: list[tuple[str, float, float]]) -> set[tuple[str, int]]:
    """(class, second) of every segment of 1 s that an event reaches into."""
    return {
        (name, second)
        for name, start, end in events
        for second in range(int(start), int(np.ceil(end)))
    }


def _matched(told: list[tuple[str, float, float]], true: list[tuple[str, float, float]]) -> int:
    """Number of true events that match a predicted one."""
    left = list(true)
    for name, start, end in told:
        for each in left:
            near = max(abs(start - each[1]), abs(end - each[2])) <= COLLAR_S
            if each[0] == name and near:
                left.remove(each)
                break
    return len(true) - len(left)


def choose(
    timelines: dict[float, list[tuple[Mix, Timeline]]], labels: list[Label]
) -> EventSettings:
    """The best settings for every hop, by coordinate descent."""

    def worth(settings: EventSettings) -> float:
        figures = f1_scores(timelines[settings.hop_s], labels, settings)
        return figures["segment_f1"] + figures["event_f1"]

    best, most = EventSettings(), -1.0
    for hop in timelines:
        now = replace(EventSettings(), hop_s=hop)
        value = worth(now)
        better = True
        while better:
            better = False
            for name, values in GRID.items():
                for each in values:
                    other = replace(now, **{name: each})
                    if (found := worth(other)) > value + 1e-9:
                        now, value, better = other, found, True
        print(f"{now}\n{f1_scores(timelines[hop], labels, now)}", flush=True)
        if value > most + 0.005:  # a shorter hop has to earn its time
            best, most = now, value
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["choose", "measure", "mix"])
    parser.add_argument("sounds", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--model", default="sounds-47")
    parser.add_argument("--files", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    training = options.what == "choose"
    files = options.files or (60 if training else 200)
    seed = options.seed if options.seed is not None else (1 if training else 2)
    mixes = make_mixes(options.sounds, files, seed)
    if options.what == "mix":
        _write_mixes(mixes, options.out)
        return
    path = registry.find(options.model)
    classifier = Classifier(str(path), attention=False, threads=options.threads)
    header = classifier.header
    window_s = header.recipe["window_s"]
    started = time.perf_counter()
    if training:
        finest = read_mixes(mixes, classifier, min(HOPS))
        settings = choose(timelines_by_hop(finest, window_s), header.labels)
        print(json.dumps(asdict(settings)))
        if options.write:
            checkpoint = load_checkpoint(path)
            events = asdict(settings)
            save_checkpoint(path, replace(checkpoint, header=replace(header, events=events)))
    else:
        settings = settings_of(header.events)
        reads_once = read_mixes(mixes, classifier, settings.hop_s or window_s / 2)
        read_timelines = [(r.mix, r.timeline(window_s)) for r in reads_once]
        print(json.dumps(f1_scores(read_timelines, header.labels, settings)))
    print(f"{files} mixes of seed {seed}, {time.perf_counter() - started:.0f} s")


def _write_mixes(mixes: Iterable[Mix], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for number, mix in enumerate(mixes):
        soundfile.write(out / f"{number:03}.flac", mix.samples, RATE)
        lines = (f"{start:.3f}\t{end:.3f}\t{name}\n" for name, start, end in mix.events)
        (out / f"{number:03}.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
