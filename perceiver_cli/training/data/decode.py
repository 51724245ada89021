"""Labelled files to cached arrays, decoded on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.failures import UNREADABLE_CONTENT, wrap_errors
from perceiver_cli.media.types import Source
from perceiver_cli.modalities import find_modality
from perceiver_cli.preparation.base import Window
from perceiver_cli.processor import usable_cores
from perceiver_cli.training.data.cache import Cache, fingerprint, open_cache, write_cache
from perceiver_cli.training.data.folder import LabelledFolder
from perceiver_cli.training.data.usage import LeftOut, left_out_without_signal, why_left_out

_AHEAD = 64


def cached(
    place: Path,
    folder: LabelledFolder,
    adapter: Adapter,
    tell: Callable[[int, int], None],
    *,
    fail_fast: bool = False,
) -> Cache:
    """The folder's files as arrays, from the cache at `place` or decoded into it.

    Args:
        place: The cache's folder.
        folder: What to decode.
        adapter: Which modality is read, and how it is prepared.
        tell: Called with (done, total) after every file.
        fail_fast: Whether to stop at the first broken file.

    Raises:
        InputError: A file is broken, and fail_fast is set. The message names the file.
    """
    expected = fingerprint(folder, adapter)
    cache = open_cache(place, expected)
    if cache is None:
        left_out: list[LeftOut] = []
        cache = write_cache(
            place, expected, _decode_all(folder, adapter, left_out, tell, fail_fast), left_out
        )
    elif fail_fast:
        for entry in cache.left_out:
            _stop_if_broken(entry)
    return cache


def _decode_all(
    folder: LabelledFolder,
    adapter: Adapter,
    left_out: list[LeftOut],
    tell: Callable[[int, int], None],
    fail_fast: bool,
) -> Iterator[tuple[int, int, list[Window]]]:
    """(file index, class index, windows) of every usable file; fills left_out with the others."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        rest = enumerate(folder.files)
        waiting: deque[tuple[int, int, Future[list[Window] | LeftOut]]] = deque()
        try:
            while True:
                for number, (path, index) in islice(rest, _AHEAD - len(waiting)):
                    waiting.append((number, index, pool.submit(_decode, path, index, adapter)))
                if not waiting:
                    return
                number, index, future = waiting.popleft()
                decoded = future.result()
                if isinstance(decoded, LeftOut):
                    left_out.append(decoded)
                    if fail_fast:
                        _stop_if_broken(decoded)
                else:
                    yield number, index, decoded
                tell(number + 1, len(folder.files))
        finally:
            for _, _, future in waiting:
                future.cancel()


def _decode(path: Path, index: int, adapter: Adapter) -> list[Window] | LeftOut:
    source = Source(str(path))
    try:
        with wrap_errors("corrupt", UNREADABLE_CONTENT):
            detection = detect(source)
            if not adapter.reads(detection.modality):
                noun = find_modality(detection.modality).noun
                return LeftOut(source.path, index, "other_modality", f"is a {noun}")
            windows = adapter.prepare(adapter.preparation.load(source, detection.format))
            kept = [window for window in windows if window.signal == "present"]
            return kept or left_out_without_signal(source.path, index, windows[0].signal)
    except InputError as error:
        return why_left_out(source.path, index, error.kind, error.message)


def _stop_if_broken(entry: LeftOut) -> None:
    if entry.kind == "broken":
        raise InputError("corrupt", f"{entry.path}: {entry.reason}")
