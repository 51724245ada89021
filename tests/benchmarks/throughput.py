"""Throughput of `perceiver classify` in files a second, compared with its parts.

    python -m tests.benchmarks.throughput --modality image --files 2000 --model pictures-200
    python -m tests.benchmarks.throughput --folder FILES --rounds 5 --only decode model command

Prints, in files a second: decoding alone (in one process for each core), the model alone (with all
cores on one batch, and with one batch on each core, as the command does), a plain loop over
`Classifier.classify`, and the command: from its first to its last record, and as a whole with its
start; the same with attention statistics; then the most memory that the command and its decoding
processes held. "decode, then model" is what the cores can do in all if both only compute:
1 / (1 / decode + 1 / model). With several rounds all rows are measured in turn, medians are shown,
and the shares are medians of the rounds' own.
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
from itertools import cycle, islice, repeat
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from perceiver_cli.media.source import Source
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
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the files here, or take those of before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = (options.folder or Path(place)) / options.modality
        found = sorted(folder.iterdir()) if folder.exists() else []
        made = found or make_folder(folder, options.modality, options.files)
        paths = list(islice(cycle(made), options.files))
        model = options.model or str(untrained(Path(place), options.modality))
        print(f"{len(paths)} files, {len(os.sched_getaffinity(0))} cores")
        rounds: dict[str, list[float]] = {}
        for number in range(options.rounds):
            rates: dict[str, float] = {}
            for name, measure in ROWS.items():
                if not options.only or name in options.only:
                    rates |= measure(paths, model)
            for row, figure in (rates | compared(rates)).items():
                rounds.setdefault(row, []).append(figure)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    for row, figures in rounds.items():
        shown = f"{median(figures):10.1%}" if row in SHARES else f"{median(figures):10.1f}"
        print(f"{row:40}{shown}")


SHARES = {
    "command, of decode then model": ("command", "decode, then model"),
    "statistics, of the command": ("command with statistics", "command"),
    "statistics, of the model": ("model with statistics", "model"),
}


def compared(rates: dict[str, float]) -> dict[str, float]:
    """Ratios of rows, if they were measured."""
    found: dict[str, float] = {}
    if {"decode", "model"} <= rates.keys():
        found["decode, then model"] = 1 / (1 / rates["decode"] + 1 / rates["model"])
    for name, (part, whole) in SHARES.items():
        if {part, whole} <= rates.keys() | found.keys():
            found[name] = (rates | found)[part] / (rates | found)[whole]
    return found


def decode(paths: list[Path], model: str) -> dict[str, float]:
    """Decoding and preparation alone, in a process per core."""
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.inference.decoding.preparer import Preparer

    preparer = Preparer(registry.find(model))
    sources = [Source(str(path)) for path in paths]
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("forkserver")) as pool:
        list(pool.map(preparer.prepare, sources[:cores]))
        started = time.perf_counter()
        # Items are not sent back: the command's come through a pipe that copies less.
        list(pool.map(_prepare, repeat(preparer), sources, chunksize=16))
        return {"decode": len(paths) / (time.perf_counter() - started)}


def _prepare(preparer: Any, source: Source) -> None:
    preparer.prepare(source)


def model_alone(paths: list[Path], model: str) -> dict[str, float]:
    """The model alone, on windows that were decoded before."""
    from perceiver_cli import Classifier
    from perceiver_cli.inference.allocator import keep_freed_memory
    from perceiver_cli.inference.threads import use_threads

    keep_freed_memory()
    classifier = Classifier(model)
    cores = classifier.threads
    items = [classifier.prepare(Source(str(path))) for path in paths[:SOME]]
    engine = classifier.engine_of(items[0])

    def rate(threads: int, size: int, attention: bool = False) -> float:
        def answer(start: int) -> None:
            use_threads(cores // threads)
            batch = items[start : start + size]
            windows = [window for item in batch for window in item.windows]
            engine.predict(windows, attention=attention)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(answer, range(threads)))
            started = time.perf_counter()
            list(pool.map(answer, range(0, len(items), size)))
            return len(items) / (time.perf_counter() - started)

    size = max(4, 32 // cores)
    return {
        "model, all cores a batch": rate(1, 32),
        "model": rate(cores, size),
        "model with statistics": rate(cores, size, attention=True),
    }


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
    """The command on a list of the files, without and with statistics."""
    plain = _command(paths, model, "--no-attention")
    return plain | {"command with statistics": _command(paths, model, "--attention")["command"]}


def _command(paths: list[Path], model: str, attention: str) -> dict[str, float]:
    call = [sys.executable, "-m", "perceiver_cli", "classify", "-0", "--model", model]
    call += ["--format", "jsonl", attention, "--files-from"]
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
    """Peak resident memory, in MB, of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = {"main": 0.0, "others": 0.0}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def most(self) -> dict[str, float]:
        """Ends the monitoring, and returns the peak."""
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


def untrained(folder: Path, modality: str) -> Path:
    from perceiver_cli.adapters import build_adapter
    from tests.conftest import make_weights

    recipe = build_adapter({"modality": modality}).recipe
    sizes = {"latents": 64, "width": 192, "layers": 4, "self_heads": 4}
    return make_weights(folder / f"untrained-{modality}.safetensors", recipe, **sizes)


if __name__ == "__main__":
    main()
