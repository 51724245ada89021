"""Order, batches and bounds of the queue, with decoding controlled by the tests."""

import threading
from types import SimpleNamespace

import pytest

from perceiver_cli.inference import scheduler as scheduling
from perceiver_cli.inference.scheduler import Scheduler
from perceiver_cli.media.source import Source
from perceiver_cli.results import Classification


def make_scheduler(
    names,
    *,
    wait=(),
    capacity=12,
    size=4,
    workers=1,
    stopped=lambda: False,
    prepare=None,
    predict=None,
):
    """(a scheduler, the batches it has predicted) of sources whose kind is the first letter.

    names: or sources. wait: name -> an event without which that source is not decoded.
    """
    wait = dict(wait)
    batches = []

    def prepare_when_told(source):
        if source.path in wait:
            assert wait[source.path].wait(30)
        return SimpleNamespace(source=source, kind=(source.path[0],))

    def note(batch, alone):
        paths = [item.source.path for item in batch]
        batches.append((paths, alone))
        return [Classification(path, "image", "", "") for path in paths]

    sources = (name if isinstance(name, Source) else Source(name) for name in names)
    scheduler = Scheduler(
        sources,
        prepare or prepare_when_told,
        predict or note,
        capacity=capacity,
        decoders=4,
        fetchers=6,
        workers=workers,
        batch_size=size,
        stopped=stopped,
    )
    return scheduler, batches


def once_listed(last, released):
    """A `prepare` that waits until the last source is listed, and holds it back until released."""
    listed = threading.Event()

    def prepare(source):
        if source.path == last:
            listed.set()
            assert released.wait(30)
        assert listed.wait(30)
        return SimpleNamespace(source=source, kind=(source.path[0],))

    return prepare


def drain(scheduler) -> list[str]:
    paths = [result.path for _, result in scheduler.results()]
    scheduler.close()
    return paths


@pytest.mark.parametrize("workers", [1, 3])
def test_mixed_inputs_come_in_batches_of_a_kind_and_leave_in_order(workers):
    names = [f"{kind}{number}" for number in range(20) for kind in "abc"]
    scheduler, batches = make_scheduler(names, workers=workers)
    assert drain(scheduler) == names
    for paths, _ in batches:
        assert len({path[0] for path in paths}) == 1
    assert len(batches) < len(names) / 2


@pytest.mark.parametrize("others", [4, 6])
def test_full_batches_go_ahead_of_a_first_input_that_takes_long(others):
    gate = threading.Event()
    names = ["slow", *(f"a{n}" for n in range(others))]

    noted = []

    def predict(batch, alone):
        gate.set()
        noted.append([item.source.path for item in batch])
        return [Classification(path, "image", "", "") for path in noted[-1]]

    assert drain(make_scheduler(names, wait={"slow": gate}, predict=predict)[0]) == names
    assert len(noted[0]) == 4
    assert "slow" not in noted[0]


def test_a_list_that_is_still_written_delays_nothing():
    more = threading.Event()

    def names():
        yield "a0"
        assert more.wait(30)
        yield "a1"

    scheduler, batches = make_scheduler(names())
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    more.set()
    assert next(results)[1].path == "a1"
    assert list(results) == []
    assert batches == [(["a0"], True), (["a1"], True)]
    scheduler.close()


def test_a_batch_is_alone_when_nothing_else_is_in_the_queue():
    answered = threading.Event()
    scheduler, batches = make_scheduler(["a0", "b0"], prepare=once_listed("b0", answered))
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    answered.set()
    assert next(results)[1].path == "b0"
    scheduler.close()
    assert batches == [(["a0"], False), (["b0"], True)]


def test_a_batch_waits_a_little_for_what_is_nearly_decoded(monkeypatch):
    monkeypatch.setattr(scheduling, "LINGER_S", 60.0)
    nearly = threading.Event()
    scheduler, batches = make_scheduler(["a0", "a1"], prepare=once_listed("a1", nearly))
    threading.Timer(0.2, nearly.set).start()
    assert drain(scheduler) == ["a0", "a1"]
    assert batches == [(["a0", "a1"], True)]


def test_content_that_waits_in_the_queue_is_limited(monkeypatch):
    """But one input may have any size."""
    monkeypatch.setattr(scheduling, "HELD_BYTES", 12)
    third, gate, asked = threading.Event(), threading.Event(), []

    def sources():
        for number in range(9):
            asked.append(number)
            if number == 2:
                third.set()
            yield Source(f"a{number}", b"x" * (40 if number == 8 else 6))

    def predict(batch, alone):
        assert gate.wait(30)
        return [Classification(item.source.path, "image", "", "") for item in batch]

    scheduler, _ = make_scheduler(sources(), predict=predict, size=2)
    assert third.wait(30)
    assert not gate.wait(0.2)  # as long as nothing leaves the queue
    assert len(asked) == 3
    gate.set()
    assert drain(scheduler) == [f"a{number}" for number in range(9)]


def test_workers_predict_side_by_side():
    begun, both = [], threading.Event()

    def predict(batch, alone):
        begun.append(batch)
        if len(begun) > 1:
            both.set()
        assert both.wait(30)
        return [Classification(item.source.path, "image", "", "") for item in batch]

    names = [f"a{n}" for n in range(8)]
    assert drain(make_scheduler(names, workers=2, predict=predict)[0]) == names


def test_remote_inputs_have_threads_of_their_own():
    """More of them are fetched at a time than are decoded, and files on disk do not wait."""

    class Remote(Source):
        is_remote = True

    all_fetching = threading.Barrier(7)

    def prepare(source):
        if source.is_remote or source.path == "disk":
            all_fetching.wait(30)
        return SimpleNamespace(source=source, kind=("a",))

    sources = [*(Remote(f"far{n}") for n in range(6)), Source("disk")]
    assert drain(make_scheduler(sources, prepare=prepare)[0]) == [s.path for s in sources]


def test_no_more_than_the_capacity_is_read_ahead():
    asked = []

    def names():
        while True:
            asked.append(1)
            yield "a"

    scheduler, _ = make_scheduler(names(), capacity=6, size=2)
    results = scheduler.results()
    for _ in range(20):
        next(results)
    assert len(asked) <= 20 + 6 + 1
    scheduler.close()


def test_an_error_of_the_list_comes_after_what_was_before_it():
    def names():
        yield "a0"
        raise OSError("the list is gone")

    scheduler, _ = make_scheduler(names())
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    with pytest.raises(OSError, match="the list is gone"):
        next(results)
    scheduler.close()


def test_an_error_of_preparing_comes_in_its_turn():
    def prepare(source):
        if source.path == "bad":
            raise RuntimeError("no weights")
        return SimpleNamespace(source=source, kind=("a",))

    scheduler, _ = make_scheduler(["a0", "bad", "a1"], prepare=prepare)
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    with pytest.raises(RuntimeError, match="no weights"):
        next(results)
    scheduler.close()


def test_an_error_of_predicting_comes_in_its_turn():
    def predict(batch, alone):
        if batch[0].kind == ("b",):
            raise RuntimeError("no memory")
        return [Classification(item.source.path, "image", "", "") for item in batch]

    scheduler, _ = make_scheduler(["a0", "b0", "a1"], predict=predict)
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    with pytest.raises(RuntimeError, match="no memory"):
        next(results)
    scheduler.close()


def test_a_stopped_scheduler_ends_after_the_batches_in_hand():
    stop = []
    working, gate = threading.Event(), threading.Event()

    def predict(batch, alone):
        working.set()
        assert gate.wait(30)
        return [Classification(item.source.path, "image", "", "") for item in batch]

    names = [f"a{n}" for n in range(12)]
    scheduler, _ = make_scheduler(names, predict=predict, stopped=lambda: bool(stop))
    assert working.wait(30)
    stop.append(1)
    gate.set()
    paths = drain(scheduler)
    assert 1 <= len(paths) <= 4
    assert paths == names[: len(paths)]


def test_a_stopped_scheduler_does_not_wait_for_its_list():
    more = threading.Event()
    stop = []

    def names():
        yield "a0"
        more.wait(30)

    scheduler, _ = make_scheduler(names(), stopped=lambda: bool(stop))
    results = scheduler.results()
    assert next(results)[1].path == "a0"
    threading.Timer(0.2, stop.append, (1,)).start()
    assert list(results) == []
    scheduler.close()
    more.set()
