"""The line of inputs between their list and their results: bounded, ordered, in batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perceiver_cli.media.types import Source
from perceiver_cli.pipeline.decoding import Decoded
from perceiver_cli.results import Result

# How long an input that is ready waits for others that would share its batch.
LINGER_S = 0.1


@dataclass
class Place:
    """One input's place in the line."""

    decoded: Decoded | None = None
    failure: BaseException | None = None
    ready_at: float = 0.0
    result: Result | None = None


class Line:
    """At most `room` inputs, in order, decoded by `threads` threads while the model works.

    The list is read beside all else: whoever writes it may be slow. `stopped` is asked now and
    then; once it says so the line hands out no more.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        decode: Callable[[Source], Decoded],
        *,
        room: int,
        threads: int,
        stopped: Callable[[], bool],
    ) -> None:
        self._sources = iter(sources)
        self._decode = decode
        self._stopped = stopped
        self._places: deque[Place] = deque()
        self._changed = threading.Condition()
        self._room = threading.Semaphore(room)
        self._listed = self._closed = False
        self._failure: BaseException | None = None
        self._pool = ThreadPoolExecutor(threads)
        # A daemon: a list that waits for its writer keeps nobody from leaving.
        threading.Thread(target=self._read, daemon=True).start()

    def take(self, size: int) -> list[Place]:
        """The next batch, of at most `size` inputs of one kind; [] when there is nothing more.

        It is led by the first input, as soon as that is decoded, or else is a full one from
        behind it. Raises what reading the list raised, and what decoding raised but InputErrors.
        """
        with self._changed:
            while not self._stopped():
                if not self._places and self._listed:
                    if self._failure:
                        raise self._failure
                    return []
                batch, patience = self._choose(size)
                if batch:
                    return batch
                # Not for ever: `stopped` may change, and Windows interrupts no endless wait.
                self._changed.wait(patience)
        return []

    def finished(self) -> Iterator[Result]:
        """Removes and gives the results at the head of the line."""
        while self._places and self._places[0].result is not None:
            result = self._places.popleft().result
            self._room.release()
            yield result

    def close(self) -> None:
        """Lets go of everything that is still in the line."""
        self._closed = True
        self._room.release()
        self._pool.shutdown(cancel_futures=True)

    def _choose(self, size: int) -> tuple[list[Place], float]:
        """(a batch worth answering now, or []; how many seconds to wait for a better one)."""
        if not self._places:
            return [], LINGER_S
        kinds: dict[tuple, list[Place]] = {}
        undecoded = 0
        for place in self._places:
            if place.decoded is not None:
                if place.result is None:
                    kinds.setdefault(place.decoded.kind, []).append(place)
            elif place.failure is None:
                undecoded += 1
        head = self._places[0]
        if head.failure:
            raise head.failure
        patience = LINGER_S
        if head.decoded is not None:
            batch = kinds[head.decoded.kind]
            patience = head.ready_at + LINGER_S - time.monotonic()
            if head.decoded.error or len(batch) >= size or not undecoded or patience <= 0:
                return batch[:size], 0.0
        full = next((each for each in kinds.values() if len(each) >= size), [])
        return full[:size], patience

    def _read(self) -> None:
        try:
            while self._room.acquire() and not self._closed:
                source = next(self._sources, None)
                if source is None or self._closed:
                    break
                place = Place()
                with self._changed:
                    self._places.append(place)
                self._pool.submit(self._fill, place, source)
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
