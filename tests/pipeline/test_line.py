"""Order, batches and bounds of the line, with decoding that the tests hold in their hands."""

import threading
from types import SimpleNamespace

import pytest

from perceiver_cli.media.types import Source
from perceiver_cli.pipeline.line import Line
from perceiver_cli.results import Result


def make_line(names, *, wait=(), room=12, stopped=lambda: False, decode=None):
    """A line of sources whose kind is the first letter of their name.

    wait: name -> an event without which that source is not decoded.
    """
    wait = dict(wait)

    def decode_when_told(source):
        if source.path in wait:
            assert wait[source.path].wait(30)
        return SimpleNamespace(source=source, kind=(source.path[0],), error=None)

    sources = (Source(name) for name in names)
    return Line(sources, decode or decode_when_told, room=room, threads=4, stopped=stopped)


def answer(batch) -> list[str]:
    for place in batch:
        place.result = Result(place.decoded.source.path, "ok")
    return [place.decoded.source.path for place in batch]


def drain(line, size) -> tuple[list[list[str]], list[str]]:
    """(the batches, the results in the order in which they come out)."""
    batches, results = [], []
    while batch := line.take(size):
        batches.append(answer(batch))
        results += [result.path for result in line.finished()]
    line.close()
    return batches, results


def test_mixed_inputs_come_in_batches_of_a_kind_and_leave_in_order():
    names = [f"{kind}{number}" for number in range(20) for kind in "abc"]
    batches, results = drain(make_line(names), 4)
    assert results == names
    for batch in batches:
        assert len({name[0] for name in batch}) == 1
    assert len(batches) < len(names) / 2


def test_full_batches_go_ahead_of_a_first_input_that_takes_long():
    gate = threading.Event()
    line = make_line(["slow", *(f"a{n}" for n in range(6))], wait={"slow": gate})
    assert answer(line.take(4)) == ["a0", "a1", "a2", "a3"]
    assert list(line.finished()) == []
    gate.set()
    assert answer(line.take(4)) == ["slow"]
    assert [result.path for result in line.finished()] == ["slow", "a0", "a1", "a2", "a3"]
    assert drain(line, 4)[1] == ["a4", "a5"]


def test_a_list_that_is_still_written_delays_nothing():
    more = threading.Event()

    def names():
        yield "a0"
        assert more.wait(30)
        yield "a1"

    line = make_line(names())
    assert answer(line.take(8)) == ["a0"]
    assert [result.path for result in line.finished()] == ["a0"]
    more.set()
    assert drain(line, 8)[1] == ["a1"]


def test_no_more_than_the_room_is_read_ahead():
    asked = []

    def names():
        while True:
            asked.append(1)
            yield "a"

    line = make_line(names(), room=6)
    for _ in range(10):
        answer(line.take(2))
        done = len(list(line.finished()))
        assert done
    assert len(asked) <= 10 * 2 + 6 + 1
    line.close()


def test_an_error_of_the_list_comes_after_what_was_before_it():
    def names():
        yield "a0"
        raise OSError("the list is gone")

    line = make_line(names())
    answer(line.take(4))
    assert len(list(line.finished())) == 1
    with pytest.raises(OSError, match="the list is gone"):
        line.take(4)
    line.close()


def test_an_error_of_decoding_comes_in_its_turn():
    def decode(source):
        if source.path == "bad":
            raise RuntimeError("no weights")
        return SimpleNamespace(source=source, kind=("a",), error=None)

    line = make_line(["a0", "bad", "a1"], decode=decode)
    answer(line.take(1))
    assert [result.path for result in line.finished()] == ["a0"]
    with pytest.raises(RuntimeError, match="no weights"):
        line.take(1)
    line.close()


def test_a_stopped_line_hands_out_nothing_and_lets_go():
    more = threading.Event()
    stop = []

    def names():
        yield "a0"
        more.wait(30)

    line = make_line(names(), stopped=lambda: bool(stop))
    answer(line.take(4))
    assert len(list(line.finished())) == 1
    threading.Timer(0.2, stop.append, (1,)).start()
    assert line.take(4) == []
    line.close()
    more.set()
