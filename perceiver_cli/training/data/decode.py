"""Labelled files to cached arrays, decoded on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.base import Window
from perceiver_cli.processor import usable_cores
from perceiver_cli.training.data.cache import Cache, fingerprint, open_cache, write_cache
from perceiver_cli.training.data.folder import LabelledFolder

_AHEAD = 64


def cached(
    place: Path, folder: LabelledFolder, adapter: Adapter, tell: Callable[[int, int], None]
) -> Cache:
    """The folder's files as arrays, from the cache at `place` or decoded into it.

    tell(done, total) is called after every file. Files that are no input of this modality are
    passed over. Raises UsageError if none is left.
    """
    expected = fingerprint(folder, adapter)
    if (cache := open_cache(place, expected)) is not None:
        return cache
    skipped: list[Path] = []
    decoded = _decode_all(folder, adapter, skipped, tell)
    cache = write_cache(place, expected, decoded, lambda: len(skipped))
    if not len(cache):
        raise UsageError(f"none of {len(folder.files)} files is usable as {adapter.modality}")
    return cache


def _decode_all(
    folder: LabelledFolder,
    adapter: Adapter,
    skipped: list[Path],
    tell: Callable[[int, int], None],
) -> Iterator[tuple[int, int, list[Window]]]:
    with ThreadPoolExecutor(usable_cores()) as pool:
        rest = enumerate(folder.files)
        waiting: deque[tuple[int, int, Path, Future[list[Window] | None]]] = deque()
        while True:
            for number, (path, index) in islice(rest, _AHEAD - len(waiting)):
                waiting.append((number, index, path, pool.submit(_decode, path, adapter)))
            if not waiting:
                return
            number, index, path, future = waiting.popleft()
            windows = future.result()
            if windows is None:
                skipped.append(path)
            else:
                yield number, index, windows
            tell(number + 1, len(folder.files))


def _decode(path: Path, adapter: Adapter) -> list[Window] | None:
    source = Source(str(path))
    try:
        detection = detect(source)
        if not adapter.reads(detection.modality):
            return None
        return adapter.prepare(adapter.preparation.load(source, detection.format))
    except InputError:
        return None
