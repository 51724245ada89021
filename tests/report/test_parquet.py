"""Parquet: one schema that other readers support; folders continue after interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.media.source import Source
from perceiver_cli.results import Classification, Failure, InputFailure, Prediction
from tests.samples import make_picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from perceiver_cli.report.parquet import folder as parquet  # noqa: E402
from perceiver_cli.report.parquet.folder import ParquetFolder  # noqa: E402
from perceiver_cli.report.parquet.schema import schema  # noqa: E402


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parquet, "PART_ROWS", 2)
    for name in NAMES:
        Path(name).write_bytes(b"12345")
    return Path("out")


NAMES = ["a.jpg", "é.jpg", os.fsdecode(b"\xff.jpg"), "b.jpg", "c.jpg"]


def result_of(path: str) -> Classification:
    return Classification(
        path, "image", "JPEG header", "tiny", predictions=[Prediction("cat", 3, "n03", 0.8068)]
    )


def run(place: Path, names=NAMES, result=result_of, fingerprint: str = "f", complete=True) -> list:
    folder = ParquetFolder(place, fingerprint)
    todo = [name for name in names if folder.claim(Source(name)) is None]
    for name in todo:
        folder.write(result(name))
    if complete:
        folder.end()
        folder.complete()
    folder.close()
    return todo


def rows(place: Path) -> list[dict]:
    parts = sorted(place.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def test_every_key_of_the_record_has_a_column():
    assert {"path", "status", "error", *(f.name for f in fields(Classification))} <= set(
        schema().names
    )


def test_segments_after_windows_that_could_not_be_read_keep_their_index(place):
    first = {"start_s": 0.0, "end_s": 1.0, "label": "cat", "score": 0.5, "signal": "present"}
    segments = [first | {"index": None}, first | {"start_s": 4.0, "end_s": 5.0, "index": 4}]
    run(place, NAMES[:1], result=lambda name: replace(result_of(name), segments=segments))
    assert rows(place)[0]["segments"] == segments


def test_paths_that_are_not_utf8_keep_their_bytes(place):
    assert run(place) == NAMES
    read = {row["path"]: row["path_bytes"] for row in rows(place)}
    assert read["\\xff.jpg"] == b"\xff.jpg"
    assert read["é.jpg"] is None
    assert run(place) == []


def test_a_run_that_ends_early_is_continued(place):
    assert run(place, NAMES[:3], complete=False) == NAMES[:3]
    assert not (place / "_SUCCESS").exists()
    assert run(place) == NAMES[3:]
    assert (place / "_SUCCESS").exists()
    assert len(rows(place)) == 5
    assert sorted(os.listdir(place))[:2] == ["_SUCCESS", "_perceiver.json"]


def test_files_that_changed_and_failures_that_may_pass_are_done_again(place):
    def failing(name):
        return Failure(name, InputFailure("timeout" if name == "b.jpg" else "corrupt", "no"))

    run(place, result=failing)
    Path("a.jpg").write_bytes(b"123456")
    assert run(place) == ["a.jpg", "b.jpg"]
    read = rows(place)
    assert sorted(row["path"] for row in read) == sorted(["\\xff.jpg", *NAMES[:2], *NAMES[3:]])
    assert {row["path"] for row in read if row["status"] == "ok"} == {"a.jpg", "b.jpg"}
    assert run(place) == []


def test_a_folder_of_other_weights_or_of_others_is_refused(place):
    run(place)
    before = sorted(os.listdir(place))
    with pytest.raises(UsageError, match="other weights"):
        run(place, fingerprint="g")
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="contains other files"):
        run(Path("mine"))
    assert os.listdir("mine") == ["letter.txt"]
    assert sorted(os.listdir(place)) == before


def test_two_runs_do_not_write_one_folder(place):
    first = ParquetFolder(place, "f")
    with pytest.raises(UsageError, match="another run"):
        ParquetFolder(place, "f")
    first.close()
    assert run(place) == NAMES


def test_others_read_what_the_command_writes(run, bundle, media, tmp_path):
    broken = tmp_path / "half.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    inputs = [*media.values(), broken]
    out = tmp_path / "out"
    outcome = run("classify", *inputs, "--format", "parquet", "-o", out)
    assert outcome.exit_code == 1, outcome.stderr
    lines = run("classify", *inputs, "--format", "jsonl", "--no-attention").stdout.splitlines()
    records = {record["path"]: record for record in map(json.loads, lines)}

    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    by_arrow = pa.dataset.dataset(out).to_table().to_pylist()
    by_pandas = pandas.read_parquet(out)
    by_polars = polars.read_parquet(out / "*.parquet")
    by_duckdb = duckdb.sql(
        f"select path, predictions[1].label, predictions[1].score from '{out}/*.parquet'"
    ).fetchall()
    assert len(by_pandas) == len(by_polars) == len(by_arrow) == len(inputs)
    assert set(by_pandas["modality"].dropna()) == set(media)
    assert list(by_polars["path"]) == [row["path"] for row in by_arrow]
    for path, label, score in by_duckdb:
        best = (records[path]["predictions"] or [None])[0]
        assert (label, score) == ((best["label"], best["score"]) if best else (None, None))
    for row in by_arrow:
        record = records[row["path"]]
        assert row["predictions"] == record["predictions"]
        assert json.loads(row["input"]) == record["input"]
        assert (row["error"] or {}).get("kind") == (record["error"] or {}).get("kind")
    again = run("classify", *inputs, "--format", "parquet", "-o", out)
    assert "inputs were done before (1 failed)" in again.stderr
    assert (out / "_SUCCESS").exists()
    other = run("classify", *inputs, "--format", "parquet", "-o", out, "--top", "1")
    assert other.exit_code == 2
    assert "other weights, options" in other.stderr


@pytest.mark.parametrize("options", [(), ("-o", "-"), ("-o", "a.png")])
def test_without_a_folder_it_is_refused(run, bundle, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    make_picture(Path("a.png"))
    outcome = run("classify", "a.png", "--format", "parquet", *options)
    assert outcome.exit_code == 2
    assert "-o DIR" in outcome.stderr


def test_a_url_needs_a_cluster(run, bundle, media, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = ("classify", media["image"], "--format", "parquet", "-o", "s3://bucket/labels")
    outcome = run(*call)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "perceiver: -o s3://bucket/labels: only --ray writes to a URL; name a local path\n"
    )
    assert os.listdir() == []


def test_without_pyarrow_one_line_says_so(run, bundle, media, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    outcome = run("classify", media["image"], "--format", "parquet", "-o", tmp_path / "out")
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1
    assert "perceiver-cli[parquet]" in outcome.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_run_leaves_whole_parts_and_is_continued(weights, tmp_path):
    for number in range(60):
        make_picture(tmp_path / f"{number:02}.png")
    program = (
        "from perceiver_cli.report.parquet import folder; folder.PART_ROWS = 4;"
        "from perceiver_cli.cli import main; main()"
    )
    call = [sys.executable, "-c", program, "classify", str(tmp_path), "--include", "*.png",
            "--format", "parquet", "-o", str(tmp_path / "out"),
            "--model", str(weights["image"]), "--batch-size", "2"]  # fmt: skip
    process = subprocess.Popen(call, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "done before" in done.stderr
    assert sorted(row["path"] for row in rows(tmp_path / "out")) == sorted(
        str(path) for path in tmp_path.glob("*.png")
    )
