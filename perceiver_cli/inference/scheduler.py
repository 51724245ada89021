"""Runs decoding and batched prediction in parallel, with results in input order."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.media.source import Source
from perceiver_cli.results import Result

# Maximum bytes of content held by queued sources, such as members of archives.
HELD_BYTES = 2**28

# Seconds that a ready item waits for others to fill its batch; 16 sounds take two cores as long.
LINGER_S = 0.25


@dataclass
class Slot:
    """One input's place in the queue.

    Attributes:
        item: The decoded item; None before.
        kind: The kind of the item.
        failure: An exception in decoding or predicting, raised when it is this input's turn.
        ready_at: Time at which it was decoded, on the monotonic clock.
        held: Bytes of content that its source holds.
        taken: Whether a worker thread has taken it.
        result: The prediction; None before.
    """

    item: Item | None = None
    kind: Hashable = None
    failure: BaseException | None = None
    ready_at: float = 0.0
    held: int = 0
    taken: bool = False
    result: Result | None = None

    @property
    def done(self) -> bool:
        """Whether the input is done."""
        return self.result is not None or self.failure is not None


class Scheduler:
    """A queue of inputs, decoded by some threads while worker threads predict batches of them.

    Args:
        sources: The inputs; a separate thread reads them ahead, because listing may be slow.
        prepare: A source -> an item; called by `decoders` threads, and of remote sources, which
            it fetches, by `fetchers` threads.
        predict: (a batch of items of one kind, whether nothing else waits) -> a Result each;
            called by `workers` threads.
        capacity: Maximum number of inputs in the queue.
        batch_size: Maximum number of items in a batch.
        stopped: Polled; once it is true no more batches are predicted.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        prepare: Callable[[Source], Item],
        predict: Callable[[list[Item], bool], list[Result]],
        *,
        capacity: int,
        decoders: int,
        fetchers: int,
        workers: int,
        batch_size: int,
        stopped: Callable[[], bool],
    ) -> None:
        self._sources = iter(sources)
        self._prepare = prepare
        self._predict = predict
        self._batch_size = batch_size
        self._stopped = stopped
        self._slots: deque[Slot] = deque()
        self._undecoded = 0
        self._ready: Counter[Hashable] = Counter()  # items that no worker thread has taken, by kind
        self._lock = threading.Lock()
        # Each condition wakes only the threads it concerns: needless wake-ups take the interpreter.
        self._decoded = threading.Condition(self._lock)
        self._predicted = threading.Condition(self._lock)
        self._capacity = threading.Semaphore(capacity)
        self._listed = self._closed = False
        self._failure: BaseException | None = None
        self._decoding = ThreadPoolExecutor(decoders)
        self._fetching = ThreadPoolExecutor(fetchers)
        self._predicting = ThreadPoolExecutor(workers)
        self._workers = [self._predicting.submit(self._work) for _ in range(workers)]
        # A daemon: reading a list may block, which must not keep the process alive.
        threading.Thread(target=self._read, daemon=True).start()

    def results(self) -> Iterator[tuple[Item, Result]]:
        """Items with their results in order, each as soon as it and all before it are ready.

        Exceptions of reading sources, preparing and predicting are raised in the same order.
        """
        while (slot := self._first()) is not None:
            if slot.failure:
                raise slot.failure
            assert slot.item is not None
            assert slot.result is not None
            self._capacity.release()
            yield slot.item, slot.result
        for worker in self._workers:
            worker.result()
        if self._failure and not self._stopped():
            raise self._failure

    def close(self) -> None:
        """Drops everything that is still in the queue."""
        self._closed = True
        self._capacity.release()
        self._decoding.shutdown(cancel_futures=True)
        self._fetching.shutdown(cancel_futures=True)
        self._predicting.shutdown()

    def _first(self) -> Slot | None:
        """The head of the queue once it is done; None when no more can come."""
        with self._predicted:
            while not (self._slots and self._slots[0].done):
                finished = self._listed and not self._slots
                if finished or all(worker.done() for worker in self._workers):
                    return None
                # Workers may end without notifying, and on Windows Ctrl-C cannot interrupt a wait.
                self._predicted.wait(LINGER_S)
            return self._slots.popleft()

    def _work(self) -> None:
        """One worker thread: predicts batches until there are no more."""
        while batch := self._take():
            only_batch = len(batch) == len(self._slots)
            try:
                results = self._predict([slot.item for slot in batch if slot.item], only_batch)
            except BaseException as failure:  # raised when it is their turn
                with self._predicted:
                    for slot in batch:
                        slot.failure = failure
                    self._predicted.notify_all()
                continue
            with self._predicted:
                for slot, result in zip(batch, results, strict=True):
                    slot.result = result
                self._predicted.notify_all()

    def _take(self) -> list[Slot]:
        """The next batch; [] at the end.

        It begins with the first waiting input, once that is decoded; otherwise it is a full batch
        of later inputs.
        """
        with self._decoded:
            while not (self._stopped() or self._closed):
                waiting = [slot for slot in self._slots if not (slot.taken or slot.failure)]
                if not waiting and self._listed:
                    return []
                batch, patience = self._choose(waiting)
                if batch:
                    for slot in batch:
                        slot.taken = True
                    self._ready[batch[0].kind] -= len(batch)
                    self._decoded.notify()  # another worker, for the next one
                    return batch
                self._decoded.wait(patience)
        return []

    def _choose(self, waiting: list[Slot]) -> tuple[list[Slot], float]:
        """(a batch to predict now, or []; how many seconds to wait for a better one)."""
        kinds: dict[Hashable, list[Slot]] = {}
        for slot in waiting:
            if slot.item is not None:
                kinds.setdefault(slot.kind, []).append(slot)
        patience = LINGER_S
        if waiting and (head := waiting[0]).item is not None:
            batch = kinds[head.kind]
            complete = all(slot.item is not None for slot in waiting)
            patience = head.ready_at + LINGER_S - time.monotonic()
            failed = isinstance(head.item, FailedItem)
            if failed or len(batch) >= self._batch_size or complete or patience <= 0:
                return batch[: self._batch_size], 0.0
        full = next((slots for slots in kinds.values() if len(slots) >= self._batch_size), [])
        return full[: self._batch_size], patience

    def _read(self) -> None:
        try:
            while self._capacity.acquire() and not self._closed:
                source = next(self._sources, None)
                if source is None or self._closed:
                    break
                slot = Slot(held=len(source.data or b""))
                with self._predicted:
                    while self._slots and self._held() + slot.held > HELD_BYTES:
                        self._predicted.wait(LINGER_S)
                        if self._closed:
                            return
                    self._slots.append(slot)
                    self._undecoded += 1
                threads = self._fetching if source.is_remote else self._decoding
                threads.submit(self._fill, slot, source)
        except BaseException as failure:  # raised where the results are taken
            self._failure = failure
        finally:
            with self._lock:
                self._listed = True
                self._decoded.notify_all()
                self._predicted.notify_all()

    def _held(self) -> int:
        return sum(slot.held for slot in self._slots)

    def _fill(self, slot: Slot, source: Source) -> None:
        item = kind = failure = None
        try:
            item = self._prepare(source)
            kind = item.kind
        except BaseException as error:  # raised when it is this input's turn
            failure = error
        with self._lock:
            slot.item, slot.kind, slot.failure = item, kind, failure
            slot.ready_at = time.monotonic()
            self._undecoded -= 1
            if failure:
                self._predicted.notify_all()
            else:
                self._ready[kind] += 1
            # A worker thread that waits for a fuller batch wakes up by its own timeout.
            full = self._ready[kind] >= self._batch_size
            if full or failure or isinstance(item, FailedItem) or not self._undecoded:
                self._decoded.notify()
