"""Peak memory of `perceiver classify` with files that just pass the limits of media/limits.py.

    python -m tests.benchmarks.limits
    python -m tests.benchmarks.limits --share 8 clouds.npy mesh.ply

Each file is made in a process of its own (limit_files.py), and classified by the real command. The
peak is that of the command and of its decoding processes together. --share 8 takes an eighth of
every limit, for a look that takes little time. Needs up to 4 GiB of memory to make the files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from perceiver_cli.media import limits
from tests.benchmarks.limit_files import MAKERS

_TICK_S = 0.01


def main() -> None:
    """Prints a table: the file, its size, the peak in MiB and the outcome."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MAKERS)}; usually all")
    parser.add_argument("--share", type=int, default=1, help="divisor of the limits")
    options = parser.parse_args()
    values = {
        name: getattr(limits, name) // options.share
        for name in ("MAX_PIXELS", "MAX_ARRAY_BYTES", "MAX_SHAPE_BYTES")
    }
    environment = os.environ | {f"PERCEIVER_{name}": str(n) for name, n in values.items()}
    print("| file | MiB | peak MiB | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or MAKERS:
            path = Path(folder, name)
            making = get_context("spawn").Process(target=_make, args=(name, path, values))
            making.start()
            making.join()
            size = path.stat().st_size / 2**20
            peak, told = _classify(path, environment)
            print(f"| {name} | {size:.0f} | {peak:.0f} | {told} |", flush=True)
            path.unlink()


def _classify(path: Path, environment: dict[str, str]) -> tuple[float, str]:
    """(peak MiB, "ok" or what went wrong)"""
    call = [sys.executable, "-m", "perceiver_cli", "classify", str(path), "--format", "%l"]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(call, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        together = 0
        while True:
            done, status, used = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
            together = max(together, _resident_kib(process.pid))
            time.sleep(_TICK_S)
        errors.seek(0)
        told = errors.read().strip().splitlines()
    return max(used.ru_maxrss, together) / 1024, "ok" if not status else told[-1]


def _resident_kib(process: int) -> int:
    """Resident memory of a process and of its descendants."""
    total = 0
    with suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text()
        total = next(
            (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0
        )
        for task in Path(f"/proc/{process}/task").iterdir():
            total += sum(map(_resident_kib, map(int, (task / "children").read_text().split())))
    return total


def _make(name: str, path: Path, values: dict[str, int]) -> None:
    MAKERS[name](path, values)


if __name__ == "__main__":
    main()
