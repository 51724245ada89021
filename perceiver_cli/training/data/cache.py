"""A cache of decoded training files: fixed-shape arrays in memory-mapped files.

One .npy file per stream, and for every row the class and the file it came from. A cache is
reused only for the same files and recipe.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.atomic import atomic_write
from perceiver_cli.preparation.base import Window
from perceiver_cli.training.data.folder import LabelledFolder
from perceiver_cli.training.data.usage import LeftOut


@dataclass(frozen=True)
class Cache:
    """Decoded training files, one row per window.

    Attributes:
        streams: Name -> array [rows, ...].
        present: Name -> bool [rows], which rows have the stream.
        classes: int [rows].
        files: int [rows], index of the file.
        left_out: The files that cannot be used.
    """

    streams: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    classes: np.ndarray
    files: np.ndarray
    left_out: list[LeftOut]

    def __len__(self) -> int:
        return len(self.classes)

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of some rows.

        Args:
            indices: int [n].

        Returns:
            Stream -> [n, ...], copied into memory.
        """
        return {name: array[indices] for name, array in self.streams.items()}


def fingerprint(folder: LabelledFolder, recipe: Any) -> str:
    """A digest of the recipe and of every file's path, class, size and time of modification.

    Args:
        folder: The files.
        recipe: The dataclass that they are decoded for; see read_recipe.

    Returns:
        SHA-256 in hexadecimal. A file that cannot be read is part of the digest as unreadable.
    """
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    for path, index in folder.files:
        try:
            stat = path.stat()
            state = f"{stat.st_size}\0{stat.st_mtime_ns}"
        except OSError:  # for example a broken link
            state = "unreadable"
        digest.update(os.fsencode(f"{path}\0{index}\0{state}\n"))
    return digest.hexdigest()


def open_cache(folder: Path, expected: str) -> Cache | None:
    """Opens decoded files that an earlier run wrote.

    Args:
        folder: The folder of the cache.
        expected: The required fingerprint.

    Returns:
        The cache, its streams mapped from disk; None if it is incomplete or of another
        fingerprint.
    """
    try:
        index = json.loads((folder / "index.json").read_text())
        if index["fingerprint"] != expected:
            return None
        left_out = [LeftOut(**entry) for entry in index["left_out"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    rows = np.load(folder / "rows.npz")
    streams = {n: np.load(folder / f"{n}.npy", mmap_mode="r") for n in index["streams"]}
    present = {n: rows[f"present_{n}"] for n in index["streams"]}
    return Cache(streams, present, rows["classes"], rows["files"], left_out)


def write_cache(
    folder: Path,
    expected: str,
    decoded: Iterable[tuple[int, int, list[Window]]],
    left_out: list[LeftOut],
) -> Cache:
    """Writes decoded files; the folder appears when it is complete.

    Args:
        folder: The folder of the cache; an existing one is replaced.
        expected: Their fingerprint.
        decoded: (index of the file, its class, its windows), in the order of the rows.
        left_out: The files that cannot be used; it may grow while `decoded` is read.

    Returns:
        The cache, its streams mapped from disk.

    Raises:
        OSError: It cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in folder.parent.glob(f".{folder.name}.*.part"):  # left by a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with atomic_write(folder) as part:
        part.mkdir()
        _write_arrays(part, expected, decoded, left_out)
        shutil.rmtree(folder, ignore_errors=True)
    cache = open_cache(folder, expected)
    assert cache is not None
    return cache


def _write_arrays(
    folder: Path,
    expected: str,
    decoded: Iterable[tuple[int, int, list[Window]]],
    left_out: list[LeftOut],
) -> None:
    streams: dict[str, _StreamFile] = {}
    classes: list[int] = []
    files: list[int] = []
    for file_index, class_index, windows in decoded:
        for window in windows:
            for name, array in window.arrays.items():
                if name not in streams:
                    streams[name] = _StreamFile(folder / f"{name}.raw", array, len(classes))
            for name, stream in streams.items():
                stream.append(window.arrays.get(name))
            classes.append(class_index)
            files.append(file_index)
    rows: dict[str, Any] = {f"present_{n}": stream.close() for n, stream in streams.items()}
    rows |= {"classes": np.array(classes, np.int64), "files": np.array(files, np.int64)}
    np.savez(folder / "rows.npz", **rows)
    index = {
        "fingerprint": expected,
        "streams": sorted(streams),
        "left_out": [asdict(entry) for entry in left_out],
    }
    (folder / "index.json").write_text(json.dumps(index))


class _StreamFile:
    """Writes one stream's rows into an .npy file; rows without the stream are zeros.

    Args:
        raw: The file that the values are written to at first.
        first: The first array of the stream, whose shape and type all have.
        rows_before: Number of rows before it, which lack the stream.
    """

    def __init__(self, raw: Path, first: np.ndarray, rows_before: int) -> None:
        self._raw = raw
        self._file = open(raw, "wb")  # noqa: SIM115
        self._blank = np.zeros_like(first)
        self._present: list[bool] = []
        for _ in range(rows_before):
            self.append(None)

    def append(self, array: np.ndarray | None) -> None:
        """Writes one row."""
        self._present.append(array is not None)
        row = self._blank if array is None else array.astype(self._blank.dtype, copy=False)
        self._file.write(row.tobytes())

    def close(self) -> np.ndarray:
        """Completes the file. Returns which rows have the stream, bool [rows]."""
        self._file.close()
        _raw_to_npy(self._raw, (len(self._present), *self._blank.shape), self._blank.dtype)
        return np.array(self._present, bool)


def _raw_to_npy(raw: Path, shape: tuple[int, ...], kind: np.dtype) -> None:
    """Puts an .npy header before raw values, through a copy of bounded size."""
    with open(raw, "rb") as source, open(raw.with_suffix(".npy"), "wb") as target:
        header = {
            "descr": np.lib.format.dtype_to_descr(kind),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(target, header)
        shutil.copyfileobj(source, target, 1 << 24)
    raw.unlink()
