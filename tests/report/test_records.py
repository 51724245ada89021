import io
import json

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.report import writer_for
from perceiver_cli.report.records import read_records
from tests.report.results import classified, failed

RESULTS = [classified('a "b".jpg'), failed(), classified(attention=None, confident=None)]


def read(content: bytes) -> list:
    return list(read_records(io.BytesIO(content), "out.jsonl"))


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_what_was_written_comes_back(form):
    stream = io.StringIO()
    writer = writer_for(form, stream, many=True)
    writer.begin()
    for result in RESULTS:
        writer.write(result)
    writer.end()
    assert read(stream.getvalue().encode()) == RESULTS


def test_the_keys_of_a_journal_are_passed_over():
    record = classified().to_dict() | {"file": {"size": 1, "mtime_ns": 2}, "weights": "abc"}
    assert read(json.dumps(record).encode() + b"\n\n") == [classified()]


def test_an_empty_file_has_no_records():
    assert read(b"") == read(b"[]") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": 5}, "record value path must be a string, not 5"),
        ({"status": "maybe"}, "record value status must be ok or error, not 'maybe'"),
        ({"modality": "smell"}, "unknown modality: 'smell'"),
        ({"answer": {"label": "a", "level": "class", "score": "x"}}, "answer.score must be a num"),
        ({"predictions": None}, "record value predictions must be a list, not None"),
        ({"predictions": [{"label": "cat"}]}, "missing record values: predictions.id"),
        ({"input": [1]}, "record value input must be an object"),
        ({"input": {}}, "width is missing"),
        ({"input": {"width": 0, "height": 5}}, "record value input.width must be at least 1"),
        ({"byte_array": {}}, "elements is missing"),
        ({"segments": None}, "record value segments must be a list, not None"),
        ({"segments": [{"start_s": 0.0}]}, "missing record values: segments.end_s"),
        ({"events": [{"start_s": "x"}]}, "missing record values: events.end_s"),
        ({"seconds": {"load": "long"}}, "record value seconds must be a number, not 'long'"),
        ({"attention": {"cross_attends": 5}}, "attention.cross_attends must be a list, not 5"),
    ],
)
def test_what_is_wrong_in_a_record_is_named(change, words):
    record = json.dumps(classified().to_dict() | change).encode()
    with pytest.raises(UsageError, match=r"^out.jsonl, line 1: not a record") as caught:
        read(record)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", [b"NaN", b"1e999", b"[" * 100_000])
def test_what_no_json_of_ours_has_is_refused(value):
    with pytest.raises(UsageError, match=r"^out.jsonl, line 1: not JSON$"):
        read(b'{"path": ' + value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"path": "a.jp', "out.jsonl, line 2: not JSON"),
        (b'{"path": "a.jpg"}', "out.jsonl, line 2: not a record"),
        (b'"words"', "out.jsonl, line 2: not a record"),
        (b"\xff\xfe", "out.jsonl, line 2: not JSON"),
    ],
)
def test_what_is_no_record_is_named(line, words):
    good = json.dumps(classified().to_dict()).encode()
    with pytest.raises(UsageError, match=words):
        read(good + b"\n" + line + b"\n")


def test_blank_lines_count_in_messages():
    good = json.dumps(classified().to_dict()).encode()
    with pytest.raises(UsageError, match=r"^out.jsonl, line 2: not JSON$"):
        read(b"\nwords\n")
    with pytest.raises(UsageError, match=r"^out.jsonl, line 5: not JSON$"):
        read(b"\n" + good + b"\n\n \nwords\n")
