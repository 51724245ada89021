"""The line of inputs between their list and their results: bounded, ordered, in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perceiver_cli.inference.decoding.decode import Decoded
from perceiver_cli.media.types import Source
from perceiver_cli.results import Result

# How long an input that is ready waits for others that would share its batch.
LINGER_S = 0.1


@dataclass
class Place:
    """One input's place in the line. taken: a lane has it, or has answered it."""

    decoded: Decoded | None = None
    failure: BaseException | None = None
    ready_at: float = 0.0
    taken: bool = False
    result: Result | None = None


class Line:
    """At most `room` inputs, in order, decoded by `decoders` threads while `lanes` others answer.

    answer: (batch of at most `size` inputs of one kind, whether nothing else waits) -> a Result
    each. The list is read beside all else: whoever writes it may be slow. `stopped` is asked now
    and then; once it says so no more batches are answered.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        decode: Callable[[Source], Decoded],
        answer: Callable[[list[Decoded], bool], list[Result]],
        *,
        room: int,
        decoders: int,
        lanes: int,
        size: int,
        stopped: Callable[[], bool],
    ) -> None:
        self._sources = iter(sources)
        self._decode = decode
        self._answer = answer
        self._size = size
        self._stopped = stopped
        self._places: deque[Place] = deque()
        self._changed = threading.Condition()
        self._room = threading.Semaphore(room)
        self._listed = self._closed = False
        self._failure: BaseException | None = None
        self._decoding = ThreadPoolExecutor(decoders)
        self._answering = ThreadPoolExecutor(lanes)
        self._lanes = [self._answering.submit(self._work) for _ in range(lanes)]
        # A daemon: a list that waits for its writer keeps nobody from leaving.
        threading.Thread(target=self._read, daemon=True).start()

    def results(self) -> Iterator[Result]:
        """The results in order, each as soon as it and those before are there.

        Raises what reading the list, decoding (but InputErrors) or answering raised, in its turn.
        """
        while (place := self._first()) is not None:
            if place.failure:
                raise place.failure
            self._room.release()
            yield place.result
        for lane in self._lanes:
            lane.result()
        if self._failure and not self._stopped():
            raise self._failure

    def close(self) -> None:
        """Lets go of everything that is still in the line."""
        self._closed = True
        self._room.release()
        self._decoding.shutdown(cancel_futures=True)
        self._answering.shutdown()

    def _first(self) -> Place | None:
        """The head of the line once it is done with; None when no more can come."""
        with self._changed:
            while not (self._places and (self._places[0].result or self._places[0].failure)):
                finished = self._listed and not self._places
                if finished or all(lane.done() for lane in self._lanes):
                    return None
                # Not for ever: lanes end without a word, and Windows interrupts no endless wait.
                self._changed.wait(LINGER_S)
            return self._places.popleft()

    def _work(self) -> None:
        """One lane: answers batches until there are no more."""
        while batch := self._take():
            alone = len(batch) == len(self._places)
            try:
                results = self._answer([place.decoded for place in batch], alone)
            except BaseException as failure:  # told when it is their turn
                results = [None] * len(batch)
                for place in batch:
                    place.failure = failure
            with self._changed:
                for place, result in zip(batch, results, strict=True):
                    place.result = result
                self._changed.notify_all()

    def _take(self) -> list[Place]:
        """The next batch; [] when there is nothing more.

        It is led by the first input that waits, as soon as that is decoded, or else is a full one
        from behind it.
        """
        with self._changed:
            while not (self._stopped() or self._closed):
                waiting = [p for p in self._places if not (p.taken or p.failure)]
                if not waiting and self._listed:
                    return []
                batch, patience = self._choose(waiting)
                if batch:
                    for place in batch:
                        place.taken = True
                    return batch
                self._changed.wait(patience)
        return []

    def _choose(self, waiting: list[Place]) -> tuple[list[Place], float]:
        """(a batch worth answering now, or []; how many seconds to wait for a better one)."""
        kinds: dict[tuple, list[Place]] = {}
        for place in waiting:
            if place.decoded is not None:
                kinds.setdefault(place.decoded.kind, []).append(place)
        patience = LINGER_S
        if waiting and (head := waiting[0]).decoded is not None:
            batch = kinds[head.decoded.kind]
            complete = all(place.decoded is not None for place in waiting)
            patience = head.ready_at + LINGER_S - time.monotonic()
            if head.decoded.error or len(batch) >= self._size or complete or patience <= 0:
                return batch[: self._size], 0.0
        full = next((each for each in kinds.values() if len(each) >= self._size), [])
        return full[: self._size], patience

    def _read(self) -> None:
        try:
            while self._room.acquire() and not self._closed:
                source = next(self._sources, None)
                if source is None or self._closed:
                    break
                place = Place()
                with self._changed:
                    self._places.append(place)
                self._decoding.submit(self._fill, place, source)
        except BaseException as failure:  # told where the results are taken
            self._failure = failure
        finally:
            with self._changed:
                self._listed = True
                self._changed.notify_all()

    def _fill(self, place: Place, source: Source) -> None:
        decoded = failure = None
        try:
            decoded = self._decode(source)
        except BaseException as error:  # told when it is this input's turn
            failure = error
        with self._changed:
            place.decoded, place.failure, place.ready_at = decoded, failure, time.monotonic()
            self._changed.notify_all()
