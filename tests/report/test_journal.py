"""The journal of --resume as a file: repair, finished inputs, and refusals."""

import json
import os
import sys
from pathlib import Path

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.media.source import Source
from perceiver_cli.report.journal import Journal
from perceiver_cli.results import Classification, Failure, InputFailure

WEIGHTS = {"image": "aaaa", None: None}


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    names = ["a.jpg", "é.jpg", os.fsdecode(b"\xff.jpg")]
    for name in names:
        Path(name).write_bytes(b"12345")
    return names


def opened(weights=WEIGHTS) -> Journal:
    return Journal(Path("out.jsonl"), weights.get)


def result_of(path):
    return Classification(path, "image", "JPEG header", "pictures")


def run(files, weights=WEIGHTS, result=result_of):
    """Classifies the remaining inputs, and returns them."""
    journal = opened(weights)
    todo = [path for path in files if journal.claim(Source(path)) is None]
    for path in todo:
        journal.write(result(path))
    journal.end()
    journal.close()
    return todo


def paths() -> list[str]:
    return [json.loads(line)["path"] for line in Path("out.jsonl").read_bytes().splitlines()]


def test_what_is_done_is_not_done_again(files):
    assert run(files) == files
    assert run(files) == []
    assert paths() == files
    record = json.loads(Path("out.jsonl").read_text().splitlines()[0])
    assert record["file"] == {"size": 5, "mtime_ns": os.stat("a.jpg").st_mtime_ns}
    assert record["weights"] == "aaaa"


def test_cut_off_at_any_byte_it_is_repaired_and_finished(files):
    run(files)
    whole = Path("out.jsonl").read_bytes()
    for length in range(len(whole)):
        Path("out.jsonl").write_bytes(whole[:length])
        complete = whole[:length].count(b"\n")
        assert run(files) == files[complete:]
        assert Path("out.jsonl").read_bytes() == whole


def test_zeros_in_place_of_a_tail_or_of_everything(files):
    run(files)
    whole = Path("out.jsonl").read_bytes()
    for length in (0, 20, len(whole) - 9):
        Path("out.jsonl").write_bytes(whole[:length].ljust(len(whole), b"\0"))
        run(files)
        assert Path("out.jsonl").read_bytes() == whole


def test_damage_in_the_middle_leaves_when_the_run_ends(files):
    run(files)
    first, second, third = Path("out.jsonl").read_bytes().splitlines(keepends=True)
    Path("out.jsonl").write_bytes(first + second[:30] + b"\n" + third)
    assert run(files) == files[1:2]
    assert sorted(paths()) == sorted(files)


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_file_is_done_anew_and_its_old_record_goes(files, change):
    run(files)
    if change == "size":
        Path("a.jpg").write_bytes(b"123456")
    else:
        os.utime("a.jpg", ns=(0, 10**18))
    assert run(files) == ["a.jpg"]
    assert sorted(paths()) == sorted(files)
    assert run(files) == []


def test_an_old_record_stays_until_the_new_one_is_there(files):
    run(files)
    os.utime("a.jpg", ns=(0, 10**18))
    journal = opened()
    assert journal.claim(Source("a.jpg")) is None
    assert sorted(paths()) == sorted(files)
    journal.write(result_of("a.jpg"))
    journal.close()  # killed before the end: both are there, and the next run drops the older
    assert len(paths()) == 4
    assert run(files) == []
    assert sorted(paths()) == sorted(files)


def test_other_weights_do_everything_anew(files):
    run(files)
    assert run(files, {"image": "bbbb"}) == files
    assert run(files, {"image": "bbbb"}) == []


@pytest.mark.parametrize(
    ("kind", "again"), [("corrupt", False), ("timeout", True), ("unreadable", True)]
)
def test_failures_that_may_pass_are_tried_again(files, kind, again):
    def failed(path):
        return Failure(path, InputFailure(kind, "x"))

    run(files, result=failed)
    assert run(files, result=failed) == (files if again else [])
    assert len(paths()) == len(files)


def test_a_file_that_was_missing_is_done_when_it_is_there(files):
    run(["late.jpg"], result=lambda p: Failure(p, InputFailure("unreadable", "x")))
    Path("late.jpg").write_bytes(b"x")
    assert run(["late.jpg"]) == ["late.jpg"]
    assert paths() == ["late.jpg"]


@pytest.mark.parametrize(
    "content",
    [b"my notes\n", b'{"path": 1}\n', b'{"path": "x", "mine": 2}\n', b"\0" * 20 + b"x", b"\0\n"],
)
def test_a_file_of_another_kind_is_left_alone(files, content):
    Path("out.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match="not a journal"):
        opened()
    assert Path("out.jsonl").read_bytes() == content


def test_two_runs_cannot_share_a_journal(files):
    journal = opened()
    with pytest.raises(UsageError, match="another run"):
        opened()
    journal.close()
    opened().close()
    assert sorted(map(os.fsencode, os.listdir())) == sorted(map(os.fsencode, [*files, "out.jsonl"]))


@pytest.mark.skipif(sys.platform != "linux", reason="counts the files that Linux says are open")
def test_a_closed_journal_leaves_no_file_open(files, tmp_path):
    journal = opened()
    numbers = "/proc/self/fd"
    assert any(str(tmp_path) in os.path.realpath(f"{numbers}/{n}") for n in os.listdir(numbers))
    journal.close()
    assert not any(str(tmp_path) in os.path.realpath(f"{numbers}/{n}") for n in os.listdir(numbers))


def test_a_folder_or_a_device_is_no_journal(files):
    for place in ("no/such/folder/x.jsonl", ".", os.devnull):
        with pytest.raises(UsageError):
            Journal(Path(place), WEIGHTS.get)


def test_a_record_that_does_not_fit_on_the_disk_leaves_the_others(files, monkeypatch):
    run(files[:2])
    before = Path("out.jsonl").read_bytes()

    def write_half(file, content):
        file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("perceiver_cli.report.journal.write_all", write_half)
    with pytest.raises(OSError, match=r"No space left on device: .*out\.jsonl"):
        run(files)
    assert Path("out.jsonl").read_bytes() == before


def test_an_orderly_journal_is_not_rewritten(files):
    run(files)
    before = os.stat("out.jsonl").st_ino
    assert run([*files, "late.jpg"]) == ["late.jpg"]
    assert os.stat("out.jsonl").st_ino == before


def test_other_options_do_everything_anew(files):
    def run_with(options):
        journal = Journal(Path("out.jsonl"), WEIGHTS.get, options)
        todo = [path for path in files if journal.claim(Source(path)) is None]
        for path in todo:
            journal.write(result_of(path))
        journal.end()
        journal.close()
        return todo

    assert run_with("--top 2") == files
    assert run_with("--top 2") == []
    assert run_with("--top 3") == files
    assert len(paths()) == len(files)


def test_a_record_of_a_version_without_options_counts(files):
    run(files)
    lines = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    for record in lines:
        del record["options"]
    Path("out.jsonl").write_text("".join(json.dumps(record) + "\n" for record in lines))
    assert run(files) == []


def test_an_entry_has_the_status_of_its_file(files):
    run(files[:1])
    run(files[1:2], result=lambda p: Failure(p, InputFailure("corrupt", "x")))
    journal = opened()
    done, failed = journal.claim(Source(files[0])), journal.claim(Source(files[1]))
    journal.close()
    assert (done.ok, done.error, done.modality, done.weights) == (True, None, "image", "aaaa")
    assert (failed.ok, failed.error, failed.modality, failed.weights) == (
        False,
        "corrupt",
        None,
        None,
    )
    assert done.file == failed.file | {"mtime_ns": done.file["mtime_ns"]}


def test_a_source_is_claimed_once(files):
    run(files[:1])
    journal = opened()
    done, new = Source(files[0]), Source(files[1])
    assert journal.claim(done).ok
    assert journal.claim(new) is None
    assert (journal.is_claimed(done), journal.is_claimed(new)) == (False, True)
    journal.close()


@pytest.mark.parametrize(
    "damaged",
    [
        b' {"path": "x", "status": "ok", "error": null, "modality": null}\n',
        b'{"path": "x", "status": "ok", "error": null}\n',
        b'{"path": "x",\n',
    ],
)
def test_a_line_that_is_no_record_is_dropped(files, damaged):
    run(files)
    whole = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(damaged + whole)
    assert run(files) == []
    assert Path("out.jsonl").read_bytes() == whole
