"""A discrete-event model of `classify --ray`: throughput and stragglers on many machines.

The stages are those of perceiver_cli/distributed: a driver that hands out chunks, decoding tasks
(one a core), a pool of models, writers. Rates are measured on one machine and given here:

    python -m tests.benchmarks.cluster_model --nodes 100 --cores 16 \\
        --decode-ms 8 --model-ms 20 --files 10000000

It prints one JSON object: files a second, how busy the stages are, and how long the last percent of
the chunks takes.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Setting:
    """The parameters of the simulation.

    Attributes:
        nodes: Machines, beside the one of the driver.
        cores: Cores of each.
        models: Models that run at a time, in all; each takes a core unless there are GPUs.
        files: Inputs.
        chunk: Inputs in a task.
        decode_ms: Processor time for decoding one input.
        model_ms: Time of a model for one input.
        spread: Of the time for one chunk: the standard deviation of its logarithm.
        fetch_ms: Time to the first byte of an object; `fetched` are asked for at a time.
        fetched: Objects that one task asks for at a time.
        object_mb: Size of an object.
        node_mb_s: What one machine's network carries.
        store_requests_s: Requests a second that the object store takes, in all.
        driver_ms: The driver's time for one task: scheduling it and taking its end.
        write_ms: Time for writing one part.
        start_s: Until the first task runs.
        slow_nodes: Share of machines that are slow.
        slowness: How many times as long they take.
        lost_per_hour: How many times an hour one machine is lost.
        gpus: Models run on GPUs and take no core.
        seed: Of the random numbers.
    """

    nodes: int = 3
    cores: int = 1
    models: int = 1
    files: int = 2000
    chunk: int = 64
    decode_ms: float = 10.0
    model_ms: float = 20.0
    spread: float = 0.3
    fetch_ms: float = 0.0
    fetched: int = 16
    object_mb: float = 0.2
    node_mb_s: float = 1000.0
    store_requests_s: float = 50_000.0
    driver_ms: float = 5.0
    write_ms: float = 20.0
    start_s: float = 0.0
    slow_nodes: float = 0.0
    slowness: float = 2.0
    lost_per_hour: float = 0.0
    gpus: bool = False
    seed: int = 0


class Server:
    """Workers that serve a queue in order."""

    def __init__(self, clock: Clock, speeds: list[float]) -> None:
        self._clock = clock
        self._idle = speeds
        self._queue: deque[tuple[float, Callable[[], None]]] = deque()
        self.busy_s = 0.0

    def serve(self, seconds: float, then: Callable[[], None]) -> None:
        """Occupies one worker for `seconds`, as soon as one is idle."""
        self._queue.append((seconds, then))
        self._next()

    @property
    def waiting(self) -> int:
        """Number of tasks that wait for a worker."""
        return len(self._queue)

    def _next(self) -> None:
        while self._idle and self._queue:
            seconds, then = self._queue.popleft()
            speed = self._idle.pop()
            self.busy_s += seconds * speed

            def end(speed: float = speed, then: Callable[[], None] = then) -> None:
                self._idle.append(speed)
                then()
                self._next()

            self._clock.after(seconds * speed, end)


class Clock:
    """Runs the events in order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls a function after `seconds`."""
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, call))

    def run(self) -> None:
        """Runs until there are no more events."""
        while self._due:
            self.now, _, call = heapq.heappop(self._due)
            call()


def simulate(setting: Setting) -> dict:
    """Throughput, total time, stragglers, and the utilisation of each stage."""
    chance = random.Random(setting.seed)
    clock = Clock()
    speeds = [
        setting.slowness if chance.random() < setting.slow_nodes else 1.0
        for _ in range(setting.nodes)
    ]
    models = max(1, setting.models)
    cores = [speed for speed in speeds for _ in range(setting.cores)]
    decoding = cores if setting.gpus else cores[models:]
    if not decoding:
        raise ValueError("no core is left for decoding")
    on_models = [speeds[i % setting.nodes] for i in range(models)]
    driver, decoders = Server(clock, [1.0]), Server(clock, list(decoding))
    predictors, writers = Server(clock, on_models), Server(clock, [1.0] * setting.nodes)
    chunks = -(-setting.files // setting.chunk)
    ends: list[float] = []
    # What may be decoded ahead of the models; Ray holds decoding back by the memory it takes.
    ahead = 2 * models + len(decoding)
    state = {"given": 0, "under way": 0, "again": 0}
    lost_per_s = setting.lost_per_hour / 3600

    def seconds(each_ms: float) -> float:
        drawn = chance.lognormvariate(-(setting.spread**2) / 2, setting.spread)
        return setting.chunk * each_ms / 1000 * drawn

    def fetching() -> float:
        share = setting.store_requests_s / max(1, len(decoding))
        waits = setting.chunk / setting.fetched * setting.fetch_ms / 1000
        carried = setting.chunk * setting.object_mb * setting.cores / setting.node_mb_s
        return max(waits, carried, setting.chunk / share if setting.fetch_ms else 0.0)

    def give() -> None:
        while state["given"] < chunks and state["under way"] < ahead:
            state["given"] += 1
            state["under way"] += 1
            driver.serve(setting.driver_ms / 1000, decode)

    def decode() -> None:
        # What comes next is fetched while a file is decoded.
        needed = max(fetching(), seconds(setting.decode_ms))
        if lost_per_s and chance.random() < needed * lost_per_s:
            # The machine is lost halfway, and the chunk decoded anew.
            state["again"] += 1
            decoders.serve(needed / 2, lambda: driver.serve(setting.driver_ms / 1000, decode))
            return
        decoders.serve(needed, lambda: driver.serve(setting.driver_ms / 1000, predict))

    def predict() -> None:
        predictors.serve(seconds(setting.model_ms), write)

    def write() -> None:
        state["under way"] -= 1
        driver.serve(setting.driver_ms / 1000, lambda: writers.serve(setting.write_ms / 1000, end))
        give()

    def end() -> None:
        ends.append(clock.now)

    clock.after(setting.start_s, give)
    clock.run()
    total = clock.now
    work = max(total - setting.start_s, 1e-9)
    return {
        "files_per_s": round(setting.files / total, 1),
        "seconds": round(total, 1),
        "last_percent_s": round(total - ends[int(0.99 * (len(ends) - 1))], 2),
        "decoders_busy": round(decoders.busy_s / work / len(decoding), 3),
        "models_busy": round(predictors.busy_s / work / models, 3),
        "driver_busy": round(driver.busy_s / work, 3),
        "chunks": chunks,
        "decoded_again": state["again"],
    }


def main() -> None:
    """Prints the parameters and the results of a simulation."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in asdict(Setting()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=type(value), default=value)
    setting = Setting(**vars(parser.parse_args()))
    print(json.dumps({"setting": asdict(setting), "result": simulate(setting)}))


if __name__ == "__main__":
    main()
