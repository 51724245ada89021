"""Profiles one call of `perceiver classify photo.jpg`.

    python -m tests.benchmarks.cold_call --calls 10 --model pictures-200

Prints medians in seconds: the whole call; an interpreter that imports torch and nothing else;
decoding and the model, as a record tells them; the rest, which is what the tool itself adds; and
`perceiver --help`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.media import make_folder
from tests.benchmarks.throughput import untrained


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--model", help="weights; else untrained ones of the usual size")
    options = parser.parse_args()
    rows: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        (photo,) = make_folder(Path(place, "media"), "image", 1)
        model = options.model or str(untrained(Path(place), "image"))
        call = ["-m", "perceiver_cli", "classify", str(photo), "--model", model]
        for _ in range(options.calls):
            whole, _ = _run(*call)
            torch, _ = _run("-c", "import torch")
            _, record = _run(*call, "--format", "jsonl")
            seconds = json.loads(record)["seconds"]
            row = {
                "whole": whole,
                "import torch": torch,
                **seconds,
                "rest": whole - torch - sum(seconds.values()),
                "--help": _run("-m", "perceiver_cli", "--help")[0],
            }
            for name, spent in row.items():
                rows.setdefault(name, []).append(spent)
    for name, spent in rows.items():
        print(f"{name:14}{median(spent):8.3f}")


def _run(*arguments: str) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    main()
