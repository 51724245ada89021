"""Attribution of one window's prediction to the elements of its byte array, by each method."""

from __future__ import annotations

import torch

from perceiver_cli.array_types import Float64Array
from perceiver_cli.choices import Method
from perceiver_cli.explain.attribution import Trace, gradient_times_input, magnitude, rollout
from perceiver_cli.inference.attention_statistics import AttentionRecorder
from perceiver_cli.inference.engine import Engine
from perceiver_cli.preparation.base import Window


def attribute(
    engine: Engine, window: Window, method: Method, best: int
) -> tuple[Float64Array, dict[str, int]]:
    """Each element's share of an attribution.

    Args:
        engine: The model. Gradients are computed in float32, all else in the engine's precision.
        window: The window.
        method: "attention" gives one map per cross-attend, the others give one map.
        best: The class whose score is explained.

    Returns:
        Masses float64 [maps, M], each row summing to 1, and the number of elements of each stream.
    """
    if method == "gradient":
        # Built outside of inference mode, which would forbid gradients.
        model = engine.float32_model
        streams = engine.byte_arrays([window])
        classes = torch.tensor([best], device=engine.device)
        mass = magnitude(gradient_times_input(model, streams, classes))
    elif method == "attention":
        watch = AttentionRecorder()
        with torch.inference_mode():
            streams = engine.streams([window])
            engine.run(streams, watch)
            mass = torch.cat([measured.mass for measured in watch.measured])
    else:
        with torch.inference_mode(), Trace(engine.inference_model) as trace:
            streams = engine.streams([window])
            engine.run(streams)
            mass = rollout(trace.steps, trace.readout)
    sizes = {name: x.shape[1] for name, x in streams.items()}
    return mass.cpu().double().numpy(), sizes
