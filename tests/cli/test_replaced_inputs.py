"""No output overwrites a file that the same call reads."""

import json
import shutil
from pathlib import Path

import pytest

from tests.samples import make_picture, make_sound


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of a picture, a sound, results of an earlier call and a page; and a list."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "holiday"
    place.mkdir()
    make_picture(place / "a.jpg")
    make_sound(place / "c.wav")
    shutil.copy(place / "a.jpg", place / "page.html")
    (place / "old.json").write_text("[]")
    (place / "old.html").write_text("<html></html>")
    Path("list").write_text("holiday/a.jpg\n")
    Path("link.html").symlink_to("holiday/page.html")
    return place


@pytest.mark.parametrize(
    "options",
    [
        ("holiday/page.html", "--report", "holiday/page.html"),
        ("holiday/page.html", "--report", "link.html"),
        ("holiday/*.html", "--report", "holiday/page.html"),
        ("holiday", "-o", "holiday/c.wav", "--json"),
        (".", "-r", "-o", "holiday/c.wav", "--json"),
        ("holiday", "--report", "holiday/page.html"),
        ("--files-from", "list", "-o", "list", "--json"),
        ("--files-from", "list", "-o", "holiday/a.jpg", "--json"),
    ],
)
def test_inputs_stay(run, bundle, folder, options):
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    outcome = run("classify", *options)
    assert outcome.exit_code == 2
    (line,) = outcome.stderr.splitlines()
    assert line.endswith("is an input, which the output would overwrite")
    assert outcome.stdout == ""
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    "options",
    [
        ("holiday", "-o", "holiday/new.json"),
        ("holiday", "-o", "holiday/old.json"),
        ("holiday/a.jpg", "--report", "holiday/old.html"),
        ("holiday", "--exclude", "page.html", "--report", "holiday/old.html"),
    ],
)
def test_an_output_among_the_inputs_may_be_written(run, bundle, folder, options):
    outcome = run("classify", *options)
    assert outcome.exit_code == 0
    assert f"written to {options[-1]}" in outcome.stderr


def test_a_page_has_the_ending_of_one(run, bundle, folder):
    shutil.copy(folder / "a.jpg", folder / "b.jpg")
    outcome = run("classify", "holiday/a.jpg", "--report", "holiday/b.jpg")
    assert outcome.exit_code == 2
    assert outcome.stderr == "perceiver: holiday/b.jpg: the file extension must be .html or .htm\n"
    assert (folder / "a.jpg").read_bytes() == (folder / "b.jpg").read_bytes()


def test_a_file_has_one_output(run, bundle, folder):
    for other in ("x.html", "holiday/../x.html"):
        call = ("classify", "holiday/a.jpg", "--json", "--report", "x.html", "-o", other)
        outcome = run(*call)
        assert outcome.exit_code == 2
        assert outcome.stderr == f"perceiver: -o and --report name the same file: {other}\n"
    assert not Path("x.html").exists()


def test_records_stay(run, bundle, folder):
    run("classify", "holiday/a.jpg", "-o", "labels.jsonl")
    before = Path("labels.jsonl").read_bytes()
    outcome = run("report", "labels.jsonl", "-o", "labels.jsonl")
    assert outcome.exit_code == 2
    assert "is an input, which the output would overwrite" in outcome.stderr
    assert Path("labels.jsonl").read_bytes() == before


@pytest.mark.parametrize("call", [("holiday",), ("--files-from", "-")])
def test_pictures_replace_no_input(run, bundle, folder, call):
    make_picture(folder / "a.jpg.jpg", 50, 40)
    before = (folder / "a.jpg.jpg").read_bytes()
    outcome = run(
        "classify", *call, "--include", "a.*", "--explain", "holiday", "--jsonl",
        input=b"holiday/a.jpg\nholiday/a.jpg.jpg\n",
    )  # fmt: skip
    assert outcome.exit_code == 0
    assert (folder / "a.jpg.jpg").read_bytes() == before
    drawn = [json.loads(line)["explained"] for line in outcome.stdout.splitlines()]
    assert drawn == ["holiday/a.jpg-2.jpg", "holiday/a.jpg.jpg.jpg"]


def test_a_list_from_a_pipe_may_name_the_output(run, bundle, folder):
    before = (folder / "c.wav").read_bytes()
    call = ("classify", "--files-from", "-", "-o", "holiday/c.wav", "--json")
    outcome = run(*call, input=b"holiday/c.wav\n")
    assert outcome.exit_code == 2
    assert "holiday/c.wav may be in the list" in outcome.stderr
    assert (folder / "c.wav").read_bytes() == before


def test_pictures_of_an_earlier_call_are_drawn_anew(run, bundle, folder):
    call = ("classify", "holiday/a.jpg", "--explain", "seen", "--jsonl")
    assert run(*call).exit_code == run(*call).exit_code == 0
    assert [path.name for path in Path("seen").iterdir()] == ["a.jpg.jpg"]
