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
