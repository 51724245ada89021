"""Classifies an ordered stream of sources; decoding runs in parallel with the model."""

from __future__ import annotations

import threading
from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header
from perceiver_cli.choices import MAX_THREADS, SURE
from perceiver_cli.device import pick_device
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.arguments import check_integer, check_number
from perceiver_cli.inference.chosen_classes import check_classes
from perceiver_cli.inference.decoding.decoders import (
    FETCHED_AT_ONCE,
    Decoder,
    FetchingDecoder,
    InProcessDecoder,
)
from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.inference.decoding.preparer import Preparer, default_weights
from perceiver_cli.inference.decoding.subprocess_decoder import DecodingPool, SubprocessDecoder
from perceiver_cli.inference.engine import Engine
from perceiver_cli.inference.long_inputs import Prepare, clearest_part, is_long, predict_long
from perceiver_cli.inference.postprocess import PredictionOptions, failed_result, predict_batch
from perceiver_cli.inference.scheduler import Scheduler
from perceiver_cli.inference.threads import default_threads, use_threads
from perceiver_cli.inputs.python_values import as_source, check_is_several
from perceiver_cli.media.source import Source
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.quantization.precision import precision_in_words
from perceiver_cli.preparation.base import ReadOptions
from perceiver_cli.processor import usable_cores
from perceiver_cli.results import Result

# Number of batches of inputs that are read ahead: enough to sort a mixed folder into batches.
AHEAD = 3

# Minimum batch size when batches are divided among cores: smaller ones slow the model down.
MIN_BATCH = 4

# Maximum number of decoders: more than this outpace any model, and each takes about 100 MB.
MAX_DECODERS = 16

# Previews take a thousand times the memory of the model's input.
PREVIEWS_AHEAD = 4


class Classifier:
    """Classifies files of any modality with the bundled weights or with a given checkpoint.

    Global settings of the process are not changed: torch's number of threads, the allocator, the
    environment.

    Args:
        model: Name or path of a checkpoint for every input; None takes each modality's default.
        modality: Modality of every input, by any of its names; "auto": detected from the content.
        top: How many predictions a Result has; None: all.
        min_score: Predictions with a lower score are left out.
        attention: Whether Results carry attention statistics.
        sure: Minimum score of an answer, see Answer.
        classes: Labels or ids of classes, groups or kinds to choose from; empty for all.
        batch_size: Maximum number of inputs in a batch.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32", "bfloat16" or "int8".
        threads: Processor threads for the model, at most 1,024; None: one per usable core.
        decoders: Maximum number of inputs decoded at a time; None: one per usable core.
        timeout: Seconds for decoding one input, 0: no limit. Decoding then runs in subprocesses,
            which are replaced when they hang or crash, and kept until `close`. None: decoding runs
            in this process.
        strict: Whether an input fails if something had to be left out or repaired.
        timeline: Whether sounds and films are read whole, whatever their length; by default only
            sounds of up to ten minutes are.
        windows: Number of evenly spaced windows to read of each sound and film instead.
        preview_sides: Sizes of previews that items also contain, see Preparer.

    Raises:
        UsageError: The model or a class is unknown, the device or precision is not available, a
            number is out of range, or both timeline and windows are given.
        ValueError: The modality is unknown.
        CheckpointError: The weights cannot be used.
    """

    def __init__(
        self,
        model: str | None = None,
        modality: str = "auto",
        *,
        top: int | None = 5,
        min_score: float = 0.0,
        attention: bool = True,
        sure: float = SURE,
        classes: Sequence[str] = (),
        batch_size: int = 32,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        decoders: int | None = None,
        timeout: float | None = None,
        strict: bool = False,
        timeline: bool = False,
        windows: int | None = None,
        preview_sides: tuple[int, int] | None = None,
    ) -> None:
        check_number("min_score", min_score, 0, 1)
        check_number("sure", sure, 0, 1)
        check_number("timeout", timeout, 0)
        check_integer("top", top, 1)
        check_integer("batch_size", batch_size, 1)
        check_integer("threads", threads, 1, MAX_THREADS)
        check_integer("decoders", decoders, 1)
        check_integer("windows", windows, 1)
        if isinstance(classes, str):
            raise UsageError(f"classes must be a list of names, such as [{classes!r}]")
        read_options = ReadOptions(timeline=timeline, windows=windows)
        self.batch_size = batch_size
        self.timeout = timeout
        self.device = pick_device(device)
        self.precision = precision_in_words(precision, self.device)
        self._precision = precision
        self.threads = threads or default_threads()
        self.decoders = min(MAX_DECODERS, decoders or usable_cores())
        self.sure = sure
        if modality != "auto":
            modality = find_modality(modality).name
        self._options = PredictionOptions(top, min_score, attention, sure, tuple(classes))
        self._engines: dict[Path, Engine] = {}
        self._loading = threading.Lock()
        self._stopping = False
        self._named = self._engine(registry.find(model)) if model else None
        weights = default_weights() if self._named is None else self._named.path
        check_classes(classes, weights)
        self.preparer = Preparer(
            weights, modality, strict, preview_sides, read_options=read_options
        )
        self._pool: DecodingPool | None = None if timeout is None else DecodingPool(self.preparer)

    def __enter__(self) -> Classifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the decoding processes; without this call they end with the Classifier."""
        if self._pool:
            self._pool.close()

    @property
    def header(self) -> Header:
        """The header of the given model. Raises UsageError if none was given."""
        if self._named is None:
            raise UsageError("the Classifier was not given a model")
        return self._named.header

    def classify(
        self, value: Any, *, rate: float | None = None, modality: str | None = None
    ) -> Result:
        """The Result for one input; its status is "error" if the input cannot be classified.

        Args:
            value: A path, bytes, an open binary file, a PIL image, a NumPy array, or a Source; see
                `as_source`.
            rate: Samples per second, an integer, for an array that is a sound.
            modality: What the input is, for an array that could be several things.

        Raises:
            TypeError: The value is of another type.
            ValueError: The modality is unknown, the rate is not a positive integer, or an array
                cannot be a sound.
            CheckpointError: The weights for it are missing or damaged.
        """
        return next(self.stream([as_source(value, rate=rate, modality=modality)]))

    def stream(self, inputs: Iterable[Any], decoder: Decoder | None = None) -> Iterator[Result]:
        """Yields one Result per input in input order, as soon as it and all earlier ones are ready.

        Memory is bounded by the batch size, not by the number of inputs.

        Args:
            inputs: Values as for `classify` (`as_source` adds a rate or modality). Another thread
                reads a few of them ahead.
            decoder: Prepares the items, and is closed with the stream; None: as `timeout` says.

        Raises:
            TypeError: The inputs are one path, or the content of one file.
            CheckpointError: The weights for an input are missing or damaged.
        """
        check_is_several(inputs)
        return (result for _, result in self.stream_items(inputs, decoder))

    def stream_items(
        self, inputs: Iterable[Any], decoder: Decoder | None = None
    ) -> Generator[tuple[Item, Result]]:
        """As `stream`, but yields each Result with the item that it was predicted from."""
        self._stopping = False
        decoder = FetchingDecoder(decoder or self._usual_decoder(), self.decoders)
        if self.device.type == "cpu":
            # Batches in parallel, each on one core, are faster than one batch on all cores.
            workers = self.threads
            size = min(self.batch_size, max(MIN_BATCH, self.batch_size // workers))
        else:
            # While a GPU computes a batch, the next one is collated.
            workers, size = 2 if self.device.type == "cuda" else 1, self.batch_size
        capacity = AHEAD * max(self.batch_size, size * workers)
        scheduler = Scheduler(
            map(as_source, inputs),
            decoder.prepare,
            lambda batch, only_batch: self._predict_in_thread(batch, only_batch, decoder),
            capacity=PREVIEWS_AHEAD if self.preparer.preview_sides else capacity,
            decoders=self.decoders,
            fetchers=FETCHED_AT_ONCE,
            workers=workers,
            batch_size=size,
            stopped=lambda: self._stopping,
        )
        try:
            for item, result in scheduler.results():
                yield self._to_preview(item, result, decoder), result
        finally:
            decoder.close()
            scheduler.close()

    def stop(self) -> None:
        """Ends the stream after the current batch. May be called by a signal handler."""
        self._stopping = True

    def _to_preview(self, item: Item, result: Result, decoder: Decoder) -> Item:
        """The item to preview: for a long input, only the window with the clearest answer."""
        if not self.preparer.preview_sides or not result.ok or isinstance(item, FailedItem):
            return item
        return decoder.prepare(clearest_part(item.source, result)) if is_long(item) else item

    def prepare(self, source: Source) -> Item:
        """Prepares an input for the model in this process; see Preparer.prepare."""
        return self.preparer.prepare(source)

    def predict(self, items: Sequence[Item], prepare: Prepare | None = None) -> list[Result]:
        """Predicts one Result per item, in order. Items may be of any kind, failures included.

        Args:
            items: Prepared inputs.
            prepare: Loads the other windows of long inputs; None: self.prepare.

        Raises:
            CheckpointError: The weights for an item are damaged.
        """
        prepare = prepare or self.prepare
        results: dict[int, Result] = {}
        kinds: dict[Hashable, dict[int, PreparedItem]] = {}
        for index, item in enumerate(items):
            if isinstance(item, FailedItem):
                results[index] = failed_result(item)
            else:
                kinds.setdefault(item.kind, {})[index] = item
        for batch in kinds.values():
            engine = self.engine_of(next(iter(batch.values())))
            short = {index: item for index, item in batch.items() if not is_long(item)}
            if short:
                predicted = predict_batch(list(short.values()), engine, self._options)
                results |= zip(short, predicted, strict=True)
            for index in batch.keys() - short.keys():
                results[index] = predict_long(
                    batch[index], prepare, engine, self._options, strict=self.preparer.strict
                )
        return [results[index] for index in range(len(items))]

    def engine_of(self, item: PreparedItem) -> Engine:
        """The model for an item. Raises CheckpointError if its weights are damaged."""
        return self._engine(item.weights)

    def _usual_decoder(self) -> Decoder:
        if self._pool is None or self.timeout is None:
            return InProcessDecoder(self.preparer)
        return SubprocessDecoder(self._pool, self.timeout)

    def _predict_in_thread(
        self, batch: list[Item], only_batch: bool, decoder: Decoder
    ) -> list[Result]:
        use_threads(self.threads if only_batch else 1)
        return self.predict(batch, decoder.prepare)

    def _engine(self, path: Path) -> Engine:
        with self._loading:
            if path not in self._engines:
                self._engines[path] = Engine(path, self.device, self._precision)
            return self._engines[path]
