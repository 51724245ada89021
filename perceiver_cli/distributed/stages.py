"""The stages on the machines of a cluster: decode (tasks), predict (actors), write (tasks)."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypedDict

from perceiver_cli.checkpoints import registry
from perceiver_cli.distributed.chunks import CHUNK_INPUTS, Chunk
from perceiver_cli.inference.decoding.decoders import FETCHED_AT_ONCE, FetchingDecoder
from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.inference.decoding.preparer import Preparer, default_weights
from perceiver_cli.inference.decoding.subprocess_decoder import DecodingPool, SubprocessDecoder
from perceiver_cli.inference.long_inputs import is_long
from perceiver_cli.inference.settings import ClassifierSettings
from perceiver_cli.inputs.archives import members
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.media.source import Identity, Source
from perceiver_cli.preparation.base import ReadOptions
from perceiver_cli.report.parquet.schema import row
from perceiver_cli.report.parts.folder import PartFolder

USUAL_READ_OPTIONS, ALL_FILES = ReadOptions(), FileFilter()


@dataclass(frozen=True)
class Decode:
    """Chunks -> prepared items, in a separate process, so that a crash affects only one file.

    Attributes:
        model: The checkpoint for every input; None: each modality's default.
        modality: Modality of every input; "auto": detected from the content.
        strict: Whether an input fails if something was left out or repaired.
        read_options: How much of sounds and films is read.
        limit_s: Seconds for decoding one input; 0 is no limit.
        file_filter: Which members of archives are taken.
    """

    model: str | None = None
    modality: str = "auto"
    strict: bool = False
    read_options: ReadOptions = USUAL_READ_OPTIONS
    limit_s: float = 0.0
    file_filter: FileFilter = ALL_FILES

    def __call__(self, block: Any) -> Iterator[Any]:
        """Yields tables of one row with a name, and the items of a chunk with their identities."""
        for content in block["chunk"].to_pylist():
            chunk: Chunk = pickle.loads(content)
            sources, number = self._sources(chunk), 0
            while group := tuple(islice(sources, CHUNK_INPUTS)):
                # A repeated task gives the same names to the same inputs.
                name = f"{chunk.name}-{number:04}" if chunk.archive else chunk.name
                yield _table(name=name, items=self._prepared(chunk, group))
                number += 1

    def _sources(self, chunk: Chunk) -> Iterator[Source]:
        if chunk.archive is None:
            yield from chunk.sources
            return
        for source in members(chunk.sources[0], chunk.archive, self.file_filter):
            if chunk.done.get(source.path) != source.identity() or source.identity() is None:
                yield source

    def _prepared(self, chunk: Chunk, sources: tuple[Source, ...]) -> bytes:
        identities = [source.identity() for source in sources]
        decoder = FetchingDecoder(SubprocessDecoder(decoding_pool(self), self.limit_s), 1)
        try:
            with ThreadPoolExecutor(FETCHED_AT_ONCE) as threads:
                items = list(threads.map(decoder.prepare, sources))
        finally:
            decoder.close()
        kept = [
            (_without_content(item), identity)
            for item, identity in zip(items, identities, strict=True)
            if not _is_passed_over(item, chunk)
        ]
        return pickle.dumps((kept, len(items) - len(kept)), protocol=5)


class PredictArguments(TypedDict):
    """The arguments of Predict, which is created on the machines of the cluster."""

    settings: ClassifierSettings
    attention: bool
    format: str


class Predict:
    """Prepared items -> rows of the output; one model of each kind, loaded once.

    Args:
        settings: The Classifier's.
        attention: Whether records carry attention statistics.
        format: "parquet" or "jsonl".
    """

    def __init__(self, settings: ClassifierSettings, attention: bool, format: str) -> None:
        from perceiver_cli.inference.classifier import Classifier

        self._classifier = Classifier(**settings, attention=attention)
        self._format = format

    def __call__(self, block: Any) -> Iterator[Any]:
        """The same rows, with the items' records in place of the items."""
        for each in block.to_pylist():
            pairs, passed_over = pickle.loads(each["items"])
            records = self._records(pairs)
            yield _table(
                name=each["name"],
                rows=pickle.dumps(records, protocol=5),
                classified=sum(record["status"] == "ok" for record in records),
                failed=sum(record["status"] == "error" for record in records),
                passed_over=passed_over,
            )

    def _records(self, pairs: list[tuple[Item, Identity | None]]) -> list[dict[str, Any]]:
        items = [_with_weights_here(item) for item, _ in pairs]
        size, records = self._classifier.batch_size, []
        for start in range(0, len(items), size):
            part = self._classifier.predict(items[start : start + size])
            for result, (_, identity) in zip(part, pairs[start : start + size], strict=True):
                record = result.to_dict()
                as_row = self._format == "parquet"
                records.append(row(record, identity) if as_row else record | {"file": identity})
        return records


@dataclass(frozen=True)
class Write:
    """Rows -> one part of the output each.

    Attributes:
        output: The folder of the parts.
    """

    output: PartFolder

    def __call__(self, block: Any) -> Any:
        """The rows' counts, once they are written."""
        for each in block.to_pylist():
            if rows := pickle.loads(each["rows"]):
                self.output.write(each["name"], rows)
        return block.drop_columns(["rows"])


def _table(**values: Any) -> Any:
    """A pyarrow.Table of one row."""
    import pyarrow as pa

    columns = {
        name: pa.array([value], pa.large_binary() if isinstance(value, bytes) else None)
        for name, value in values.items()
    }
    return pa.table(columns)


@cache
def decoding_pool(decode: Decode) -> DecodingPool:
    """The decoding process of this worker process, which is kept between chunks."""
    weights = registry.find(decode.model) if decode.model else default_weights()
    # Ray sets the threads of its workers; a decoding process always has one.
    os.environ.pop("OMP_NUM_THREADS", None)
    preparer = Preparer(weights, decode.modality, decode.strict, read_options=decode.read_options)
    return DecodingPool(preparer)


def _without_content(item: Item) -> Item:
    """The item without the content of its file, from which a long item's other windows are read."""
    source = item.source
    if isinstance(item, FailedItem) or not is_long(item):
        return replace(item, source=Source(source.path))
    if type(source) is Source and source.data is not None:  # of a pipe, which is read only once
        return item
    return replace(item, source=named_source(source.path, source.modality))


def _is_passed_over(item: Item, chunk: Chunk) -> bool:
    """Whether a file that was found in a folder or an archive is not media."""
    if not isinstance(item, FailedItem) or item.source.path in chunk.named:
        return False
    return item.is_no_media


def _with_weights_here(item: Item) -> Item:
    """The item with the path of its weights on this machine."""
    if isinstance(item, PreparedItem) and not item.weights.exists():
        return replace(item, weights=Path(registry.find(item.weights.stem)))
    return item
