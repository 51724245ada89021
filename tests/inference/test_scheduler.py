"""Order, batches and bounds of the line, with decoding that the tests hold in their hands."""

import threading
from types import SimpleNamespace

import pytest

from perceiver_cli.inference.scheduler import Line
from perceiver_cli.media.types import Source
from perceiver_cli.results import Result


def make_line(
    names, *, wait=(), room=12, size=4, lanes=1, stopped=lambda: False, decode=None, answer=None
):
    """(a line, the batches it has answered) of sources whose kind is the first letter.

    wait: name -> an event without which that source is not decoded.
    """
    wait = dict(wait)
    batches = []

    def decode_when_told(source):
        if source.path in wait:
            assert wait[source.path].wait(30)
        return SimpleNamespace(source=source, kind=(source.path[0],), error=None)

    def note(batch, alone):
        paths = [decoded.source.path for decoded in batch]
        batches.append((paths, alone))
        return [Result(path, "ok") for path in paths]

    sources = (Source(name) for name in names)
    line = Line(
        sources,
        decode or decode_when_told,
        answer or note,
        room=room,
        decoders=4,
        lanes=lanes,
        size=size,
        stopped=stopped,
    )
    return line, batches


def drain(line) -> list[str]:
    paths = [result.path for result in line.results()]
    line.close()
    return paths


@pytest.mark.parametrize("lanes", [1, 3])
def test_mixed_inputs_come_in_batches_of_a_kind_and_leave_in_order(lanes):
    names = [f"{kind}{number}" for number in range(20) for kind in "abc"]
    line, batches = make_line(names, lanes=lanes)
    assert drain(line) == names
    for paths, _ in batches:
        assert len({path[0] for path in paths}) == 1
    assert len(batches) < len(names) / 2


def test_full_batches_go_ahead_of_a_first_input_that_takes_long():
    gate = threading.Event()
    names = ["slow", *(f"a{n}" for n in range(6))]

    noted = []

    def answer(batch, alone):
        gate.set()
        noted.append([decoded.source.path for decoded in batch])
        return [Result(path, "ok") for path in noted[-1]]

    assert drain(make_line(names, wait={"slow": gate}, answer=answer)[0]) == names
    assert len(noted[0]) == 4
    assert "slow" not in noted[0]


def test_a_list_that_is_still_written_delays_nothing():
    more = threading.Event()

    def names():
        yield "a0"
        assert more.wait(30)
        yield "a1"

    line, batches = make_line(names())
    results = line.results()
    assert next(results).path == "a0"
    more.set()
    assert next(results).path == "a1"
    assert list(results) == []
    assert batches == [(["a0"], True), (["a1"], True)]
    line.close()


def test_a_batch_is_alone_when_nothing_else_is_in_the_line():
    listed, answered = threading.Event(), threading.Event()

    def decode(source):
        if source.path == "b0":
            listed.set()
            assert answered.wait(30)
        assert listed.wait(30)
        return SimpleNamespace(source=source, kind=(source.path[0],), error=None)

    line, batches = make_line(["a0", "b0"], decode=decode)
    results = line.results()
    assert next(results).path == "a0"
    answered.set()
    assert next(results).path == "b0"
    line.close()
    assert batches == [(["a0"], False), (["b0"], True)]


def test_lanes_answer_side_by_side():
    begun, both = [], threading.Event()

    def answer(batch, alone):
        begun.append(batch)
        if len(begun) > 1:
            both.set()
        assert both.wait(30)
        return [Result(decoded.source.path, "ok") for decoded in batch]

    names = [f"a{n}" for n in range(8)]
    assert drain(make_line(names, lanes=2, answer=answer)[0]) == names


def test_no_more_than_the_room_is_read_ahead():
    asked = []

    def names():
        while True:
            asked.append(1)
            yield "a"

    line, _ = make_line(names(), room=6, size=2)
    results = line.results()
    for _ in range(20):
        next(results)
    assert len(asked) <= 20 + 6 + 1
    line.close()


def test_an_error_of_the_list_comes_after_what_was_before_it():
    def names():
        yield "a0"
        raise OSError("the list is gone")

    line, _ = make_line(names())
    results = line.results()
    assert next(results).path == "a0"
    with pytest.raises(OSError, match="the list is gone"):
        next(results)
    line.close()


def test_an_error_of_decoding_comes_in_its_turn():
    def decode(source):
        if source.path == "bad":
            raise RuntimeError("no weights")
        return SimpleNamespace(source=source, kind=("a",), error=None)

    line, _ = make_line(["a0", "bad", "a1"], decode=decode)
    results = line.results()
    assert next(results).path == "a0"
    with pytest.raises(RuntimeError, match="no weights"):
        next(results)
    line.close()


def test_an_error_of_answering_comes_in_its_turn():
    def answer(batch, alone):
        if batch[0].kind == ("b",):
            raise RuntimeError("no memory")
        return [Result(decoded.source.path, "ok") for decoded in batch]

    line, _ = make_line(["a0", "b0", "a1"], answer=answer)
    results = line.results()
    assert next(results).path == "a0"
    with pytest.raises(RuntimeError, match="no memory"):
        next(results)
    line.close()


def test_a_stopped_line_ends_after_the_batches_in_hand():
    stop = []
    working, gate = threading.Event(), threading.Event()

    def answer(batch, alone):
        working.set()
        assert gate.wait(30)
        return [Result(decoded.source.path, "ok") for decoded in batch]

    names = [f"a{n}" for n in range(12)]
    line, _ = make_line(names, answer=answer, stopped=lambda: bool(stop))
    assert working.wait(30)
    stop.append(1)
    gate.set()
    paths = drain(line)
    assert 1 <= len(paths) <= 4
    assert paths == names[: len(paths)]


def test_a_stopped_line_does_not_wait_for_its_list():
    more = threading.Event()
    stop = []

    def names():
        yield "a0"
        more.wait(30)

    line, _ = make_line(names(), stopped=lambda: bool(stop))
    results = line.results()
    assert next(results).path == "a0"
    threading.Timer(0.2, stop.append, (1,)).start()
    assert list(results) == []
    line.close()
    more.set()
