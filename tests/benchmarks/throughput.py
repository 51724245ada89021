"""How many files a second `perceiver classify` does, against what it is made of.

    python -m tests.benchmarks.throughput --modality image --files 2000 --model pictures-200

Prints, in files a second: decoding alone (in one process for each core), the model alone (with all
cores on one batch, and with one batch on each core, as the command does), a plain loop over
`Classifier.classify`, and the command: from its first to its last record, and as a whole with its
start; then the most memory that the command and its decoding processes held. "decode, then model"
is what the cores can do in all if both only compute: 1 / (1 / decode + 1 / model).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.benchmarks.media import make_folder

# So many files are enough for the rows that need no steady stream.
SOME = 480


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modality", choices=("image", "audio", "pointcloud"), default="image")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--model", help="weights; else untrained ones of the usual size")
    parser.add_argument("--only", nargs="*", help="of the rows, these")
    parser.add_argument("--folder", type=Path, help="keep the files here, or take those of before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = (options.folder or Path(place)) / options.modality
        found = sorted(folder.iterdir()) if folder.exists() else []
        made = found or make_folder(folder, options.modality, options.files)
        paths = list(islice(cycle(made), options.files))
        model = options.model or str(untrained(Path(place), options.modality))
        print(f"{len(paths)} files, {len(os.sched_getaffinity(0))} cores")
        rates: dict[str, float] = {}
        for name, measure in ROWS.items():
            if not options.only or name in options.only:
                for row, figure in measure(paths, model).items():
                    rates[row] = figure
                    print(f"{row:28}{figure:10.1f}", flush=True)
        if {"decode", "model"} <= rates.keys():
            both = 1 / (1 / rates["decode"] + 1 / rates["model"])
            print(f"{'decode, then model':28}{both:10.1f}")


def decode(paths: list[Path], model: str) -> dict[str, float]:
    """Everything up to the arrays that the model reads, in a process for each core."""
    preparation = _preparation(model)
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("forkserver")) as pool:
        list(pool.map(_decode, paths[:cores], [preparation] * cores))
        started = time.perf_counter()
        list(pool.map(_decode, paths, [preparation] * len(paths), chunksize=16))
        return {"decode": len(paths) / (time.perf_counter() - started)}


def model_alone(paths: list[Path], model: str) -> dict[str, float]:
    """The model alone, on windows that were decoded before."""
    import torch

    from perceiver_cli import Classifier
    from perceiver_cli.media.types import Source

    classifier = Classifier(model, attention=False)
    cores = classifier.threads
    inputs = [classifier.decode(Source(str(path))) for path in paths[:SOME]]

    def rate(threads: int, size: int) -> float:
        def answer(start: int) -> None:
            torch.set_num_threads(cores // threads)
            batch = inputs[start : start + size]
            windows = [window for decoded in batch for window in decoded.windows]
            batch[0].engine.answer(windows, attention=False)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(answer, range(threads)))
            started = time.perf_counter()
            list(pool.map(answer, range(0, len(inputs), size)))
            return len(inputs) / (time.perf_counter() - started)

    return {"model, all cores a batch": rate(1, 16), "model": rate(cores, max(4, 16 // cores))}


def loop(paths: list[Path], model: str) -> dict[str, float]:
    """Classifier.classify for one file after the other."""
    from perceiver_cli import Classifier

    classifier = Classifier(model, attention=False)
    classifier.classify(paths[0])
    started = time.perf_counter()
    for path in paths[:SOME]:
        classifier.classify(path)
    return {"loop": len(paths[:SOME]) / (time.perf_counter() - started)}


def command(paths: list[Path], model: str) -> dict[str, float]:
    """The command on a list of the files."""
    call = [sys.executable, "-m", "perceiver_cli", "classify", "-0", "--model", model]
    call += ["--format", "jsonl", "--no-attention", "--files-from"]
    with tempfile.NamedTemporaryFile() as names:
        names.write(b"\0".join(os.fsencode(path) for path in paths))
        names.flush()
        started = time.perf_counter()
        process = subprocess.Popen([*call, names.name], stdout=subprocess.PIPE)
        memory = Memory(process.pid)
        times = [time.perf_counter() for _ in process.stdout]
        most = memory.most()
        assert process.wait() == 0
        ended = time.perf_counter()
    assert len(times) == len(paths)
    # Records come in bursts of a batch: the first burst has no beginning that could be timed.
    rest = [at for at in times if at > times[0] + 0.02]
    return {
        "command": len(rest) / (rest[-1] - times[0]),
        "command with its start": len(paths) / (ended - started),
        "its memory, MB": most["main"],
        "decoding processes, MB": most["others"],
    }


ROWS: dict[str, Any] = {"decode": decode, "model": model_alone, "loop": loop, "command": command}


class Memory:
    """The most resident memory, in MB, of a process and of those it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = {"main": 0.0, "others": 0.0}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def most(self) -> dict[str, float]:
        """What was seen until now; ends the watching."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            try:
                started = [
                    pid
                    for task in Path(f"/proc/{self._pid}/task").iterdir()
                    for pid in (task / "children").read_text().split()
                ]
                now = {"main": _resident(self._pid), "others": sum(map(_resident, started))}
            except OSError:  # it has ended
                continue
            self._most = {name: max(self._most[name], now[name]) for name in now}


def _resident(pid: int | str) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _preparation(model: str) -> Any:
    from perceiver_cli.adapters import build_adapter
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.format import load_checkpoint

    return build_adapter(load_checkpoint(registry.find(model)).header.recipe).preparation


def _decode(path: Path, preparation: Any) -> None:
    from perceiver_cli.inference.decoding import steps
    from perceiver_cli.media.types import Source

    source = Source(str(path))
    steps.prepare(source, steps.detect(source), preparation)


def untrained(folder: Path, modality: str) -> Path:
    from perceiver_cli.adapters import build_adapter
    from tests.conftest import make_weights

    recipe = build_adapter({"modality": modality}).recipe
    sizes = {"latents": 64, "width": 192, "layers": 4, "self_heads": 4}
    return make_weights(folder / f"untrained-{modality}.safetensors", recipe, None, **sizes)


if __name__ == "__main__":
    main()
