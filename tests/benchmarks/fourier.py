"""The published Fourier classifier at full size, in this and other implementations."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.processor import thread_settings

# Rows of the table: who computes, in which precision, and whether with attention statistics.
ROWS = {
    "perceiver, auto": ("ours", "auto", False),
    "perceiver, auto, with statistics": ("ours", "auto", True),
    "perceiver, bfloat16": ("ours", "bfloat16", False),
    "perceiver, bfloat16, with statistics": ("ours", "bfloat16", True),
    "perceiver, float32": ("ours", "float32", False),
    "perceiver, float32, with statistics": ("ours", "float32", True),
    "transformers, float32": ("transformers", "float32", False),
    "transformers, bfloat16 autocast": ("transformers", "bfloat16", False),
    "ONNX Runtime, float32": ("onnxruntime", "float32", False),
    "OpenVINO, float32": ("openvino", "float32", False),
    "OpenVINO, bfloat16": ("openvino", "bfloat16", False),
}


# What keeps torch from AVX-512; OpenVINO crashes on the latter, ONNX Runtime knows neither.
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")


def environment_of(name: str) -> dict[str, str]:
    """The environment for a row's process."""
    if ROWS[name][0] == "ours":
        return os.environ | thread_settings(os.environ)  # as the command sets them
    if ROWS[name][0] == "transformers":
        return dict(os.environ)
    return {key: value for key, value in os.environ.items() if key not in LIMITS}


def rows_here() -> list[str]:
    """The rows whose precision is not emulated on this processor."""
    import torch

    from perceiver_cli.model.quantization.precision import is_fast

    bfloat16 = is_fast(torch.bfloat16, torch.device("cpu"))
    return [name for name, (_, precision, _) in ROWS.items() if bfloat16 or precision != "bfloat16"]


def processor() -> str:
    """The processor's name, and its instructions that torch uses."""
    import torch

    try:
        names = re.findall("model name\t*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    name = names[0] if names else platform.processor()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def make(folder: Path) -> None:
    """Writes the classifier of transformers with random weights, ours and its ONNX export."""
    import torch
    import transformers

    from perceiver_cli.checkpoints.format import save_checkpoint
    from perceiver_cli.checkpoints.published.convert import convert

    torch.manual_seed(0)
    config = transformers.PerceiverConfig(
        num_latents=512,
        d_latents=1024,
        d_model=261,
        num_blocks=8,
        num_self_attends_per_block=6,
        num_self_attention_heads=8,
        num_cross_attention_heads=1,
        num_labels=1000,
    )
    model = transformers.PerceiverForImageClassificationFourier(config).eval()
    model.save_pretrained(folder)
    save_checkpoint(folder / "ours.safetensors", convert(folder, "ours"))
    torch.onnx.export(
        _logits_of(model),
        (torch.rand(1, 3, 224, 224),),
        folder / "theirs.onnx",
        input_names=["inputs"],
        dynamo=True,
        verbose=False,
    )


def prepare(folder: Path, name: str, threads: int) -> Callable[[], Any]:
    """A function from 224 x 224 pixels to scores, for a row of the table."""
    whose, precision, statistics = ROWS[name]
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    if whose == "ours":
        return _prepare_ours(folder, precision, statistics, pixels)
    given = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / 255
    if whose == "transformers":
        return _prepare_transformers(folder, precision, given)
    logits = (_load_onnxruntime if whose == "onnxruntime" else _load_openvino)(
        folder / "theirs.onnx", precision, threads
    )

    def run() -> Any:
        exponentials = np.exp(logits(given))
        return exponentials / exponentials.sum()

    return run


def _prepare_ours(
    folder: Path, precision: str, statistics: bool, pixels: np.ndarray
) -> Callable[[], Any]:
    import torch

    from perceiver_cli.inference.allocator import keep_freed_memory
    from perceiver_cli.inference.engine import Engine
    from perceiver_cli.preparation.base import Window

    keep_freed_memory()  # as in the command's own process
    engine = Engine(folder / "ours.safetensors", torch.device("cpu"), precision)
    place = {"left": 0, "top": 0, "width": 224, "height": 224}
    return lambda: engine.predict([Window({"image": pixels}, place)], attention=statistics)


def _prepare_transformers(folder: Path, precision: str, given: np.ndarray) -> Callable[[], Any]:
    import torch
    import transformers

    model = transformers.PerceiverForImageClassificationFourier.from_pretrained(folder).eval()

    def run() -> Any:
        lower = precision == "bfloat16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=lower):
            return model(inputs=torch.from_numpy(given)).logits.float().softmax(-1)

    return run


def _load_onnxruntime(path: Path, precision: str, threads: int) -> Callable[[np.ndarray], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda given: session.run(None, {"inputs": given})[0]


def _load_openvino(path: Path, precision: str, threads: int) -> Callable[[np.ndarray], Any]:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
    }
    model = openvino.Core().compile_model(path, "CPU", settings)
    return lambda given: model({"inputs": given})[0]


def _logits_of(model: Any) -> Any:
    """A wrapper of transformers' model that returns only the logits."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: Any) -> Any:
            return self.model(inputs=inputs).logits

    return Logits()
