"""Faithfulness of attributions: the score without the elements of the largest mass.

Deletion and insertion (Petsiuk et al. 2018, "RISE"). A Perceiver reads any number of elements, so
elements are removed, not replaced by grey or blur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from perceiver_cli.checkpoints.card import add_to_card
from perceiver_cli.choices import Method
from perceiver_cli.errors import UsageError
from perceiver_cli.explain.methods import attribute
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.items import PreparedItem
from perceiver_cli.inference.engine import Engine
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Window
from perceiver_cli.report.faithfulness import better_than_random

# Shares of the elements that remain.
LEFT = (1.0, 0.95, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2, 0.1, 0.05)
_RANDOM = 2


@dataclass(frozen=True)
class Curves:
    """Scores of the predicted class as elements are removed.

    Attributes:
        heaviest_first: The deletion test, float64 [items, len(LEFT)].
        lightest_first: The insertion test, in reverse, of the same shape.
    """

    heaviest_first: np.ndarray
    lightest_first: np.ndarray


@dataclass(frozen=True)
class Faithfulness:
    """The measured faithfulness of a model.

    Attributes:
        model: Name of the weights.
        items: Number of measured files.
        curves: Method -> its curves; "random" has two random orders.
    """

    model: str
    items: int
    curves: dict[str, Curves]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types.

        Returns:
            "deletion" and "insertion" of each method: areas under the curves of the score over the
            share of elements; a faithful method has a low deletion and a high insertion. "gain":
            the mean of both differences to a random order, with its standard error; 0 means
            no better than random. "winner": the method with the largest gain of those whose gain
            exceeds twice its standard error; None if there are none.
        """
        chance = self.curves["random"]
        methods = {}
        for name, curves in self.curves.items():
            deletion, insertion = area(curves.heaviest_first), area(curves.lightest_first)
            lower = area(chance.heaviest_first) - deletion
            gain = (lower + insertion - area(chance.lightest_first)) / 2
            spread = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
            methods[name] = {
                "deletion": round(float(deletion.mean()), 4),
                "insertion": round(float(insertion.mean()), 4),
                "gain": round(float(gain.mean()), 4),
                "gain_error": round(float(spread), 4),
                "deletion_curve": curves.heaviest_first.mean(0).round(4).tolist(),
                "insertion_curve": curves.lightest_first.mean(0).round(4).tolist(),
            }
        better = [name for name in Method if better_than_random(methods[name])]
        return {
            "model": self.model,
            "items": self.items,
            "elements_left": list(LEFT),
            "methods": methods,
            "winner": max(better, key=lambda name: methods[name]["gain"], default=None),
        }

    def record(self, path: Path, name: str, command: str) -> None:
        """Writes the figures into the checkpoint's card.

        The winner becomes the default method of `perceiver explain`; without one it is unchanged.

        Args:
            path: The checkpoint.
            name: The name of the figures on the card.
            command: The command that measured them.

        Raises:
            CheckpointError: The file is not a checkpoint.
            OSError: It cannot be written.
        """
        measured = self.to_dict()
        kept = ("deletion", "insertion", "gain", "gain_error")
        figures = {m: {k: v[k] for k in kept} for m, v in measured["methods"].items()}
        entry = {"items": self.items, "methods": figures, "command": command}
        winner = measured["winner"]
        more = {"explain_with": winner} if winner else {}
        add_to_card(path, "faithfulness", name, entry, **more)


def area(curve: np.ndarray) -> np.ndarray:
    """Mean height of curves over LEFT, by the trapezoidal rule: [items, len(LEFT)] -> [items]."""
    x = np.array(LEFT)
    widths = x[:-1] - x[1:]
    heights: np.ndarray = ((curve[:, :-1] + curve[:, 1:]) / 2) @ widths / widths.sum()
    return heights


def measure_faithfulness(
    paths: Iterable[Path], classifier: Classifier, on_file: Callable[[], None]
) -> Faithfulness:
    """Measures deletion and insertion by every method, on the middle window of each file.

    Args:
        paths: Files of the model's modality. Those that cannot be read are left out.
        classifier: A classifier with a given model.
        on_file: Called after every file.

    Raises:
        UsageError: None of the files can be read.
    """
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*Method, "random")}
    for number, path in enumerate(paths):
        item = classifier.prepare(Source(str(path)))
        if isinstance(item, PreparedItem):
            window = item.windows[len(item.windows) // 2]
            for name, pair in _curves(classifier.engine_of(item), window, seed=number).items():
                found[name].append(pair)
        on_file()
    if not found["random"]:
        raise UsageError("none of the files could be classified")
    pairs = {name: np.stack(curves) for name, curves in found.items()}
    curves = {name: Curves(pair[:, 0], pair[:, 1]) for name, pair in pairs.items()}
    return Faithfulness(classifier.header.name, len(found["random"]), curves)


def _curves(engine: Engine, window: Window, seed: int) -> dict[str, np.ndarray]:
    """Method -> scores of one window, float64 [2, len(LEFT)]: heaviest and lightest first."""
    (prediction,) = engine.predict([window], attention=False)
    best = int(prediction.scores.argmax())
    orders = []
    for method in Method:
        mass = attribute(engine, window, method, best)[0].mean(0)
        heaviest_first = np.argsort(-mass, kind="stable")
        orders += [heaviest_first, heaviest_first[::-1]]
    rng = np.random.default_rng(seed)
    orders += [rng.permutation(prediction.num_elements) for _ in range(_RANDOM)]
    scores = _scores_without(engine, window, np.stack(orders), best)
    curves = {name: scores[2 * i : 2 * i + 2] for i, name in enumerate(Method)}
    return curves | {"random": np.tile(scores[-_RANDOM:].mean(0), (2, 1))}


@torch.inference_mode()
def _scores_without(engine: Engine, window: Window, orders: np.ndarray, best: int) -> np.ndarray:
    """Scores of class `best` as elements are removed in each order: float64 [orders, len(LEFT)].

    orders: int [orders, M], the element removed first comes first.
    """
    streams = engine.byte_arrays([window])
    x = engine.float32_model.gather(streams)[0]
    temperature = engine.header.temperature_of(streams)
    indices = torch.from_numpy(orders).to(x.device)
    scores = []
    for share in LEFT:
        gone = min(x.shape[0] - 1, round((1 - share) * x.shape[0]))
        logits = engine.float32_model.read(x[indices[:, gone:]])
        calibrated = (logits.cpu().double() / temperature).softmax(-1)
        scores.append(calibrated[:, best].numpy())
    return np.stack(scores, 1)
