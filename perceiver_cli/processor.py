"""The processor's cores that this process may use, and settings of OpenMP's threads.

Imports no torch: the settings have to be in the environment before torch is imported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

# Each of these sets how OpenMP's threads wait for work.
_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
# Number of times that a waiting thread polls for work before it sleeps. If threads slept at once, a
# model's many short steps would wait for them to wake up; if they polled for longer, they would
# take a core from other processes. OpenMP libraries other than GNU's ignore GOMP_SPINCOUNT.
_WAIT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def usable_cores() -> int:
    """Cores that this process may use: by its affinity, and by its container's CPU limit."""
    limit = cpu_limit()
    return _cores() if limit is None else max(1, min(_cores(), math.ceil(limit)))


def thread_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables to set before torch is imported.

    They make waiting threads sleep soon; by default such threads keep a core busy. They also limit
    the threads to the usable cores, because a container may have fewer cores than its machine.
    Existing variables are not changed.
    """
    settings: dict[str, str] = {}
    if not any(name in environment for name in _WAITING):
        settings |= _WAIT
    if usable_cores() < _cores() and not any(name in environment for name in _COUNTS):
        settings["OMP_NUM_THREADS"] = str(usable_cores())
    return settings


def cpu_limit(root: Path = Path("/")) -> float | None:
    """CPU limit of Linux's control groups for this process, in cores; None: no limit.

    The lowest limit of the process's group and its parents, in version 1 and 2. root: of the file
    system.
    """
    return min(_limits(root), default=None)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _limits(root: Path) -> Iterator[float]:
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        # Version 2 names no controllers; beside version 1 it may be in a folder of its own.
        names = ["", "unified"] if not controllers else [controllers, "cpu"]
        if controllers and "cpu" not in controllers.split(","):
            continue
        for name in names:
            mount = root / "sys/fs/cgroup" / name
            # In a container the group's path may be that of the host: then it is the mount itself.
            own = mount / group.lstrip("/")
            for folder in (own, *own.parents):
                if folder.is_relative_to(mount):
                    yield from _limits_of_one(folder)


def _limits_of_one(folder: Path) -> Iterator[float]:
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    with suppress(ValueError, ZeroDivisionError):  # "max", or no such file
        if int(quota) > 0:  # -1: no limit
            yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
