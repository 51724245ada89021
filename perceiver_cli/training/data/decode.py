"""Decodes labelled files into a cache of arrays, on all cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.decode import decode, identify
from perceiver_cli.media.source import Source
from perceiver_cli.modalities import find_modality, serving
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.preparation.recipes import preparation_for
from perceiver_cli.processor import usable_cores
from perceiver_cli.training.data.cache import Cache, fingerprint, open_cache, write_cache
from perceiver_cli.training.data.folder import LabelledFolder
from perceiver_cli.training.data.usage import LeftOut, left_out_by_error, left_out_without_signal

# Files that are decoded ahead of the one being written.
_AHEAD = 64


def load_or_decode(
    cache_folder: Path,
    folder: LabelledFolder,
    recipe: Any,
    on_file: Callable[[int, int], None],
    *,
    fail_fast: bool = False,
) -> Cache:
    """The folder's files as arrays, from the cache or decoded into it.

    Args:
        cache_folder: The folder of the cache.
        folder: What to decode.
        recipe: Which modality is read, and how it is prepared; see read_recipe.
        on_file: Called with (done, total) after every file.
        fail_fast: Whether to stop at the first broken file.

    Returns:
        The arrays of all usable files, and which files are not used.

    Raises:
        InputError: A file is broken, and fail_fast is set. The message names the file.
    """
    expected = fingerprint(folder, recipe)
    cache = open_cache(cache_folder, expected)
    if cache is None:
        left_out: list[LeftOut] = []
        cache = write_cache(
            cache_folder,
            expected,
            _decode_all(folder, recipe, left_out, on_file, fail_fast),
            left_out,
        )
    elif fail_fast:
        for entry in cache.left_out:
            _stop_if_broken(entry)
    return cache


def _decode_all(
    folder: LabelledFolder,
    recipe: Any,
    left_out: list[LeftOut],
    on_file: Callable[[int, int], None],
    fail_fast: bool,
) -> Iterator[tuple[int, int, list[Window]]]:
    """(file index, class index, windows) of every usable file; fills left_out with the others."""
    preparation = preparation_for(asdict(recipe))
    with ThreadPoolExecutor(usable_cores()) as pool:
        rest = enumerate(folder.files)
        waiting: deque[tuple[int, int, Future[list[Window] | LeftOut]]] = deque()
        try:
            while True:
                for number, (path, index) in islice(rest, _AHEAD - len(waiting)):
                    future = pool.submit(_decode, path, index, recipe.modality, preparation)
                    waiting.append((number, index, future))
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
                on_file(number + 1, len(folder.files))
        finally:
            for _, _, future in waiting:
                future.cancel()


def _decode(
    path: Path, class_index: int, modality: str, preparation: Preparation
) -> list[Window] | LeftOut:
    """The windows with a signal, or why the file is not used."""
    source = Source(str(path))
    try:
        detection = identify(source)
        if serving(detection.modality) != modality:
            reason = f"is {find_modality(detection.modality).one}"
            return LeftOut(source.path, class_index, "other_modality", reason)
        windows = decode(source, detection, preparation).windows
    except InputError as error:
        return left_out_by_error(source, class_index, error)
    present = [window for window in windows if window.has_signal]
    return present or left_out_without_signal(source.path, class_index, windows[0].signal)


def _stop_if_broken(entry: LeftOut) -> None:
    if entry.kind == "broken":
        raise InputError("corrupt", f"{entry.path}: {entry.reason}")
