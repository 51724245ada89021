"""One window of a file, attributed to the elements of its byte array by each method."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.explain.attribution import Trace, gradient_times_input, magnitude, rollout
from perceiver_cli.explanations import Method
from perceiver_cli.inference.attention_statistics import AttentionWatch
from perceiver_cli.inference.engine import Engine
from perceiver_cli.preparation.base import Window


def attribute(
    engine: Engine, window: Window, method: Method, best: int
) -> tuple[np.ndarray, dict[str, int]]:
    """Masses float64 [maps, M], each summing to 1, and the elements of each stream.

    "attention" gives one map for each cross-attend, the other methods one in all. best: the class
    whose score is explained. Computed in float32.
    """
    # Built outside of inference mode, for the gradient's sake.
    model = engine.model
    streams = byte_arrays(engine, window)
    sizes = {name: x.shape[1] for name, x in streams.items()}
    if method == "gradient":
        classes = torch.tensor([best], device=engine.device)
        mass = magnitude(gradient_times_input(model, streams, classes))
    else:
        watch = AttentionWatch()
        with torch.inference_mode(), Trace(model) as trace:
            model(streams, watch)
            if method == "attention":
                mass = torch.cat([measured.mass for measured in watch.measured])
            else:
                mass = rollout(trace.steps, trace.readout)
    return mass.double().cpu().numpy(), sizes


def byte_arrays(engine: Engine, window: Window) -> dict[str, Tensor]:
    """Each stream's byte array on the engine's device: [1, M_s, C_s]."""
    arrays = {n: torch.from_numpy(np.array(x)).unsqueeze(0) for n, x in window.arrays.items()}
    return {n: x.to(engine.device) for n, x in engine.adapter.byte_array(arrays).items()}
