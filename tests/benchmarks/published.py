"""Time and memory compared with other implementations, on this machine's processor.

    pip install -r tests/benchmarks/requirements.txt
    python -m tests.benchmarks.published speed -o speed.json
    python -m tests.benchmarks.published scale -o scale.json --plot scale.png
    python -m tests.benchmarks.published agree FILES -o agree.json

speed: one picture through the published fourier classifier at its full size, the same random
weights everywhere; each in a process of its own, which take turns. Memory is the first turn's.
With --folder the models are kept, and made only once. On a processor without bfloat16 its rows are
left out. ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2 keep torch from AVX-512, not others.
scale: byte arrays of a thousand to four million elements through one small model. A process that
wants more than the guard's memory is stopped.
agree: how far bfloat16 and int8 change the answers of the bundled model, over files of a folder
(of one kind) that are evenly picked. All print Markdown, and write JSON with -o.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import fourier

GUARD_GIB = 12
SIZES = (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000)
CHANNELS, LATENTS, WIDTH, LAYERS = 64, 256, 256, 4

SCALE = {
    "perceiver, float32, with statistics": ("ours", "float32"),
    "perceiver, bfloat16, with statistics": ("ours", "bfloat16"),
    "transformers, float32": ("transformers", "float32"),
    "perceiver-pytorch, float32": ("perceiver-pytorch", "float32"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["speed", "scale", "agree"])
    parser.add_argument("files", type=Path, nargs="?", help="of agree: a folder")
    parser.add_argument("--count", type=int, default=400, help="files of agree")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    parser.add_argument("--plot", type=Path, help="a picture of the scale table")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="of speed: where its models are kept")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(options.threads)
    if options.alone:
        (speed_alone if options.what == "speed" else scale_alone)(options)
        return
    result = {"speed": speed, "scale": scale, "agree": agree}[options.what](options)
    if options.output:
        options.output.write_text(json.dumps(result, indent=2), encoding="utf-8")
    if options.plot:
        plot(result, options.plot)


def alone(options: argparse.Namespace, name: str) -> list[dict[str, Any]]:
    """The output of a process for one row, until it ended."""
    call = command(options, name)
    done = subprocess.run(call, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def command(options: argparse.Namespace, name: str, *more: str) -> list[str]:
    """The command of a process for one row."""
    call = [sys.executable, "-m", "tests.benchmarks.published", options.what, "--alone", name]
    return [*call, "--threads", str(options.threads), *more]


def peak_mib() -> float:
    """The most this process held. Not getrusage's, which begins with what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def speed(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "theirs.onnx").exists():
            folder.mkdir(parents=True, exist_ok=True)
            fourier.make(folder)
        runs = {name: Turns(options, name, folder) for name in fourier.rows_here()}
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(options.repeats):
            for name, run in runs.items():
                seconds[name].append(run.take()["seconds"])
        peaks = {name: run.first["peak"] for name, run in runs.items()}
    base = statistics.median(seconds["transformers, float32"])
    print(f"{fourier.processor()}, {options.threads} threads, {date.today()}\n")
    print("| | min s | median s | max s | of transformers' float32 | peak MiB |")
    print("|---|---|---|---|---|---|")
    for name, own in seconds.items():
        middle = statistics.median(own)
        print(
            f"| {name} | {min(own):.2f} | {middle:.2f} | {max(own):.2f} | {middle / base:.2f} "
            f"| {peaks[name]:.0f} |"
        )
    return {
        "processor": fourier.processor(),
        "threads": options.threads,
        "seconds": seconds,
        "peak_mib": peaks,
    }


class Turns:
    """A process for one row, which runs once per turn."""

    def __init__(self, options: argparse.Namespace, name: str, folder: Path) -> None:
        call = command(options, name, "--folder", str(folder))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            call,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            env=fourier.environment_of(name),
        )
        self.first = self.take()  # also prepares

    def take(self) -> dict[str, float]:
        """One turn: its seconds, and the peak of the memory so far."""
        print(file=self.process.stdin)
        return json.loads(self.process.stdout.readline())


def speed_alone(options: argparse.Namespace) -> None:
    run = fourier.prepare(options.folder, options.alone, options.threads)
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        taken = {"seconds": time.perf_counter() - started, "peak": peak_mib()}
        print(json.dumps(taken), flush=True)


def scale(options: argparse.Namespace) -> dict[str, Any]:
    found = {name: alone(options, name) for name in SCALE}
    print("| elements | " + " | ".join(found) + " |")
    print("|---|" + "---|" * len(found))
    for index, size in enumerate(SIZES):
        cells = [
            f"{rows[index]['seconds']:.3g} s, {rows[index]['peak']:.0f} MiB"
            if index < len(rows)
            else f"over {GUARD_GIB} GiB"
            for rows in found.values()
        ]
        print(f"| {size:,} | " + " | ".join(cells) + " |")
    return {"threads": options.threads, "rows": found}


def scale_alone(options: argparse.Namespace) -> None:
    import torch

    guard = GUARD_GIB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (guard, guard))
    run = prepare_scale(*SCALE[options.alone])
    with torch.inference_mode():
        run(torch.randn(1, SIZES[0], CHANNELS))
        for size in SIZES:
            x = torch.randn(1, size, CHANNELS)
            took = []
            for _ in range(3 if size < 1_000_000 else 1):
                started = time.perf_counter()
                run(x)
                took.append(time.perf_counter() - started)
            row = {"elements": size, "seconds": min(took), "peak": peak_mib()}
            print(json.dumps(row), flush=True)


def prepare_scale(whose: str, precision: str) -> Callable[[Any], Any]:
    """One cross-attend of LATENTS x WIDTH latents and LAYERS self-attends over [1, M, CHANNELS]."""
    if whose == "transformers":
        import transformers

        config = transformers.PerceiverConfig(
            num_latents=LATENTS,
            d_latents=WIDTH,
            d_model=CHANNELS,
            num_blocks=1,
            num_self_attends_per_block=LAYERS,
            num_cross_attention_heads=1,
        )
        model = transformers.PerceiverModel(config).eval()
        return lambda x: model(inputs=x)
    if whose == "perceiver-pytorch":
        from perceiver_pytorch import Perceiver as Other

        return Other(
            num_freq_bands=1,
            max_freq=1,
            depth=1,
            input_channels=CHANNELS,
            input_axis=1,
            fourier_encode_data=False,
            num_latents=LATENTS,
            latent_dim=WIDTH,
            self_per_cross_attn=LAYERS,
            num_classes=10,
        ).eval()

    import torch

    from perceiver_cli.checkpoints.building import build_model
    from perceiver_cli.checkpoints.format import Checkpoint, Header
    from perceiver_cli.inference.attention_statistics import AttentionRecorder
    from perceiver_cli.model.config import PerceiverConfig
    from perceiver_cli.model.perceiver import Perceiver
    from perceiver_cli.model.quantization.replacement import layers_for

    config = PerceiverConfig(
        streams={"x": CHANNELS},
        classes=10,
        latents=LATENTS,
        width=WIDTH,
        cross_attends=1,
        layers=LAYERS,
        self_heads=8,
        self_widening=1,
    )
    checkpoint = Checkpoint(Header("scale", config, {}, []), Perceiver(config).state_dict())
    chosen = getattr(torch, precision)
    model = build_model(checkpoint, "scale", layers_for(chosen, torch.device("cpu"), LATENTS))
    return lambda x: model({"x": x}, watch=AttentionRecorder(), dtype=chosen)


def agree(options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from perceiver_cli import Classifier
    from perceiver_cli.model.quantization.precision import is_fast

    cpu = torch.device("cpu")
    native = [name for name in ("bfloat16", "int8") if is_fast(getattr(torch, name), cpu)]
    paths = sorted(path for path in options.files.rglob("*") if path.is_file())
    paths = paths[:: max(1, len(paths) // options.count)][: options.count]
    scores = {}
    for precision in ("float32", *native):
        answers = Classifier(
            top=None, attention=False, device="cpu", precision=precision, threads=options.threads
        ).stream(paths)
        rows = [{p.index: p.score for p in answer.predictions} for answer in answers]
        scores[precision] = np.array([[row[i] for i in sorted(row)] for row in rows])
    exact = scores.pop("float32")
    found = {}
    print(f"| {len(paths)} files | same top-1 | largest change of a score |")
    print("|---|---|---|")
    for precision, own in scores.items():
        same = float((own.argmax(1) == exact.argmax(1)).mean())
        change = float(np.abs(own - exact).max())
        print(f"| {precision} | {same:.2%} | {change:.4f} |")
        found[precision] = {"same_top_1": same, "largest_change": change}
    return {"files": len(paths), "precisions": found}


def plot(result: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for panel, key, unit in zip(panels, ("seconds", "peak"), ("seconds", "peak MiB"), strict=True):
        for (name, rows), marker in zip(result["rows"].items(), "os^D", strict=True):
            points = [r["elements"] for r in rows], [r[key] for r in rows]
            panel.loglog(*points, marker=marker, markersize=5, alpha=0.8, label=name)
        panel.set(xlabel="elements", ylabel=unit)
        panel.grid(alpha=0.3)
    panels[1].set_yscale("log", base=2)
    panels[1].yaxis.set_major_formatter(ticker.ScalarFormatter())
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
