"""--resume through the command, and in real processes that are killed and interrupted."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.samples import make_picture

COMMAND = [sys.executable, "-m", "perceiver_cli", "classify"]
FILES = 40


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "holiday"
    place.mkdir()
    for number in range(3):
        make_picture(place / f"{number}.png")
    (place / "half.png").write_bytes((place / "0.png").read_bytes()[:60])
    (place / "notes.txt").write_text("what we did\nand where\n")
    return place


def records() -> list[dict]:
    return [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]


def test_the_second_call_does_what_is_new(run, model, folder):
    call = ("classify", "holiday", "--resume", "out.jsonl", "--model", model)
    first = run(*call)
    assert first.exit_code == 1
    assert first.stdout == ""
    assert re.search(r"^perceiver: 3 classified.*, 1 failed in ", first.stderr, re.M)
    assert first.stderr.endswith("perceiver: written to out.jsonl\n")
    names = ["0.png", "1.png", "2.png", "half.png"]
    assert [r["path"] for r in records()] == [f"holiday/{name}" for name in names]
    make_picture(folder / "3.png")
    os.utime(folder / "1.png", ns=(0, 10**18))
    second = run(*call)
    assert second.exit_code == 1
    assert "4 inputs" not in second.stderr
    assert "3 inputs were done before (1 failed)" in second.stderr
    assert re.search(r"^perceiver: 2 classified[^,]* in ", second.stderr, re.M)
    order = ["0.png", "2.png", "half.png", "1.png", "3.png"]
    assert [r["path"] for r in records()] == [f"holiday/{name}" for name in order]


def test_an_input_that_is_given_twice_was_not_done_before(run, model, folder):
    call = ("classify", *["holiday/0.png"] * 2, "holiday/half.png", "holiday")
    outcome = run(*call, "--resume", "out.jsonl", "--model", model)
    assert "done before" not in outcome.stderr
    assert re.search(r"^perceiver: 3 classified[^,]*, 1 failed in ", outcome.stderr, re.M)
    order = ["0.png", "half.png", "1.png", "2.png"]
    assert [r["path"] for r in records()] == [f"holiday/{name}" for name in order]


def test_another_model_of_the_same_name_does_all_anew(run, model, folder):
    call = ("classify", "holiday/0.png", "--resume", "out.jsonl", "--model")
    run(*call, model)
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    Path("tiny-image.safetensors").write_bytes(content)
    run(*call, "tiny-image.safetensors")
    (record,) = records()
    assert record["model"] == "tiny-image"
    before = record["weights"]
    run(*call, model)
    assert records()[0]["weights"] != before


def test_other_options_do_all_anew(run, model, folder):
    call = ("classify", "holiday/0.png", "--resume", "out.jsonl", "--model", model)
    run(*call, "--top", "2")
    assert "1 input was done before" in run(*call, "--top", "2", "--threads", "1").stderr
    run(*call, "--top", "3")
    (record,) = records()
    assert len(record["predictions"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        ("holiday", "-o", "x.jsonl"),
        ("holiday", "--format", "csv"),
        ("-",),
        ("holiday", "--resume", "holiday/0.png"),
    ],
)
def test_calls_that_make_no_sense(run, model, folder, options):
    kept = (folder / "0.png").read_bytes()
    outcome = run("classify", "--model", model, "--resume", "out.jsonl", *options)
    assert outcome.exit_code == 2
    assert (folder / "0.png").read_bytes() == kept


@pytest.fixture
def many(tmp_path, monkeypatch) -> list[str]:
    """Names of pictures in "many", too many for one batch."""
    monkeypatch.chdir(tmp_path)
    Path("many").mkdir()
    return [str(make_picture(Path("many") / f"{n:02}.png", 40 + n)) for n in range(FILES)]


def start(model, *options) -> subprocess.Popen:
    call = [*COMMAND, "many", "--resume", "out.jsonl", "--model", str(model), "--batch-size", "2"]
    return subprocess.Popen([*call, *options], stderr=subprocess.PIPE)


def wait_for_bytes(process, count: int) -> None:
    while process.poll() is None:
        if os.path.exists("out.jsonl") and os.path.getsize("out.jsonl") >= count:
            return
        time.sleep(0.001)


def test_killed_at_any_moment_nothing_is_lost_or_done_twice(model, many):
    rng = random.Random(5)
    killed = 0
    for _ in range(4):
        size = os.path.getsize("out.jsonl") if os.path.exists("out.jsonl") else 0
        process = start(model)
        wait_for_bytes(process, size + rng.randrange(1, 8000))
        time.sleep(rng.random() / 100)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.stderr.close()
        paths = [r["path"] for r in whole_records()]
        assert paths == many[: len(paths)]
    assert killed
    process = start(model)
    process.stderr.read()
    assert process.wait() == 0
    assert [r["path"] for r in records()] == many


def whole_records() -> list[dict]:
    if not os.path.exists("out.jsonl"):
        return []
    *lines, _ = Path("out.jsonl").read_bytes().split(b"\n")
    return [json.loads(line) for line in lines]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_after_the_batch_and_the_next_call_goes_on(model, many):
    process = start(model)
    wait_for_bytes(process, 1)
    process.send_signal(signal.SIGINT)
    assert process.stderr.read().endswith(
        b"perceiver: run the same command again to continue\nperceiver: interrupted\n"
    )
    assert process.wait() == 130
    done = [r["path"] for r in records()]
    assert all(r["status"] == "ok" for r in records())
    assert done == many[: len(done)]
    assert 0 < len(done) < FILES
    process = start(model)
    process.stderr.read()
    assert process.wait() == 0
    assert [r["path"] for r in records()] == many


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_journal_on_a_device_is_refused(run, model, folder):
    assert run("classify", "holiday", "--model", model, "--resume", "/dev/full").exit_code == 2
