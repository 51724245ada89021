"""Kills real runs of `classify --resume` at seeded moments; counts kills, losses, doubles.

    python -m tests.benchmarks.kill_and_resume --kills 40 --seed 0

A folder of pictures, sounds, shapes and damaged files is classified over and over. Runs are killed
with SIGKILL, some while they start, most while they write; now and then a file changes in
between. Whenever a run comes to its end, the journal must have exactly one record for each file,
made from the file as it is now.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import samples
from tests.benchmarks.tiny import make_bundle, start


def make_folder(folder: Path) -> list[Path]:
    """60 small files of three modalities, a tenth of them cut off."""
    files = []
    for number in range(20):
        files += [
            samples.make_picture(folder / f"{number:02}.png", 40 + number),
            samples.make_sound(folder / f"{number:02}.wav", 0.2 + number / 50),
            samples.make_mesh(folder / f"{number:02}.ply"),
        ]
    for path in files[::10]:
        path.write_bytes(path.read_bytes()[:-30])
    return sorted(files)


def let_run(process: subprocess.Popen, journal: Path, rng: random.Random) -> None:
    """Waits until a random moment of the run, or its end."""
    if rng.random() < 0.2:
        deadline = time.monotonic() + rng.uniform(0, 3)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return
    begin = size(journal)
    more = rng.randrange(1, 12_000)
    while process.poll() is None and size(journal) < begin + more:
        time.sleep(0.0005)
    time.sleep(rng.random() / 200)


def size(path: Path) -> int:
    """Bytes in a file, 0 without it."""
    return path.stat().st_size if path.exists() else 0


def check(journal: Path, files: list[Path], counts: Counter) -> None:
    """Compares a finished journal with the files as they are."""
    records = [json.loads(line) for line in journal.read_bytes().splitlines()]
    found = Counter(record["path"] for record in records)
    counts["lost"] += sum(str(path) not in found for path in files)
    counts["double"] += sum(number - 1 for number in found.values())
    for record in records:
        status = os.stat(record["path"])
        now = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
        counts["stale"] += record["file"] != now
    counts["finished runs"] += 1
    counts["records checked"] += len(records)


def main() -> None:
    """Prints the counts; exit code 1 if anything was lost, double or stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    counts: Counter = Counter({"lost": 0, "double": 0, "stale": 0})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "media")
        folder.mkdir()
        files, bundle = make_folder(folder), make_bundle(Path(place, "weights"))
        journal = Path(place, "out.jsonl")
        finished = False
        while counts["kills"] < options.kills or not finished:
            process = start(
                bundle,
                *("classify", str(folder), "--resume", str(journal)),
                *("--batch-size", "4", "--no-attention"),
                stderr=subprocess.DEVNULL,
            )
            if counts["kills"] < options.kills:
                let_run(process, journal, rng)
                process.kill()
            finished = process.wait() != -signal.SIGKILL
            counts["kills"] += not finished
            content = journal.read_bytes() if journal.exists() else b""
            counts["torn lines"] += not finished and not content.endswith(b"\n") and bool(content)
            if finished:
                check(journal, files, counts)
                journal.unlink()
            elif rng.random() < 0.3:
                os.utime(rng.choice(files))
                counts["files changed"] += 1
    for name, number in counts.items():
        print(f"{name:16}{number}")
    sys.exit(bool(counts["lost"] or counts["double"] or counts["stale"]))


if __name__ == "__main__":
    main()
