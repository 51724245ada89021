"""Kills parts of a Ray cluster under `classify --ray`; counts losses, doubles and differences.

    python -m tests.benchmarks.cluster_faults LIST --kill nothing model writer driver node

LIST names files, one a line. A single process classifies them first. Then, for each kind of kill, a
cluster of three nodes with a CPU each is started on this machine (loopback), and the same files are
classified on it. When --after parts are written, the kill is done with SIGKILL; the same call
follows if the driver was killed. It prints one JSON object for each: paths without a record (lost),
paths with several (doubled), records whose labels are not the single process's, and seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

STORE_BYTES = 300 * 2**20
CALL = [sys.executable, "-m", "perceiver_cli", "classify", "--jsonl", "-q", "--no-attention"]
# Titles that Ray gives to its worker processes.
MODEL, WRITER = "Predict", "Write"


def labels_of(lines: list[str]) -> dict[str, str | None]:
    """Path -> best label of records."""
    records = [json.loads(line) for line in lines]
    return {r["path"]: (r["predictions"] or [{}])[0].get("label") for r in records}


def single_process(names: Path) -> tuple[dict[str, str | None], float]:
    """Runs once; returns the labels, and seconds."""
    started = time.perf_counter()
    done = subprocess.run([*CALL, "--files-from", names], capture_output=True, text=True)
    return labels_of(done.stdout.splitlines()), time.perf_counter() - started


def processes(title: str) -> list[int]:
    """Ray's worker processes whose title has these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if words.startswith(b"ray::") and title.encode() in words:
                found.append(int(entry.name))
    return found


def kill_worker(title: str) -> bool:
    """Kills a process, and returns whether there was one."""
    for pid in processes(title):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def wait_for(condition: Callable[[], bool], run: subprocess.Popen) -> bool:
    """Waits for a condition, and returns whether it became true before the run ended."""
    while run.poll() is None:
        if condition():
            return True
        time.sleep(0.002)
    return False


def one_run(names: Path, kill: str, after: int, expected: dict[str, str | None]) -> dict[str, Any]:
    """Starts a cluster and a run on it, and kills a part."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    others = [cluster.add_node(**node) for _ in range(2)]
    cluster.wait_for_nodes()
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        call = [*CALL, "--files-from", str(names), "--ray", cluster.address, "-o", str(out)]

        def parts() -> int:
            return len(list(out.glob("part-*"))) if out.exists() else 0

        started = time.perf_counter()
        run = subprocess.Popen(call)
        killed = kill == "nothing"
        if not killed and wait_for(lambda: parts() >= after, run):
            if kill == "driver":
                run.kill()
                killed = True
            elif kill == "node":
                cluster.remove_node(others[-1], allow_graceful=False)
                killed = True
            else:
                title = MODEL if kill == "model" else WRITER
                killed = wait_for(lambda: kill_worker(title), run)
        codes = [run.wait()]
        before = parts()
        if kill == "driver":
            codes.append(subprocess.run(call).returncode)
        seconds = time.perf_counter() - started
        lines = [line for part in out.glob("part-*") for line in part.read_text().splitlines()]
        complete = (out / "_SUCCESS").exists()
    cluster.shutdown()
    counts = Counter(json.loads(line)["path"] for line in lines)
    found = labels_of(lines)
    return {
        "kill": kill,
        "killed": killed,
        "codes": codes,
        "parts": before,
        "complete": complete,
        "files": len(expected),
        "lost": len(expected.keys() - found.keys()),
        "doubled": sum(count > 1 for count in counts.values()),
        "other labels": sum(found.get(path) != label for path, label in expected.items()),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", type=Path)
    parser.add_argument("--kill", nargs="+", default=["nothing"])
    parser.add_argument("--after", type=int, default=5)
    options = parser.parse_args()
    expected, seconds = single_process(options.names)
    print(json.dumps({"single process": round(seconds, 1), "files": len(expected)}), flush=True)
    for kill in options.kill:
        print(json.dumps(one_run(options.names, kill, options.after, expected)), flush=True)


if __name__ == "__main__":
    main()
