"""classify --explain, --show and --report, and the report command."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.results import read_result
from tests.samples import make_av, make_picture, make_sound


def without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.fixture
def holiday(tmp_path, media):
    """Two pictures of one name, one that is cut off, and a name that is also HTML."""
    folder = tmp_path / "holiday"
    for name in ("sea/1.jpg", "hills/1.jpg", "<img src=x onerror=alert(1)>.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        make_picture(folder / name)
    (folder / "cut.jpg").write_bytes((folder / "sea/1.jpg").read_bytes()[:200])
    (folder / "notes.txt").write_text("not media\n")
    return folder


def test_a_picture_for_each_input(run, bundle, holiday, media, tmp_path, monkeypatch):
    without_matplotlib(monkeypatch)
    seen = tmp_path / "seen" / "here"
    outcome = run("classify", "-r", holiday, media["audio"], "--explain", seen, "--format", "jsonl")
    assert outcome.exit_code == 1
    assert {p.name for p in seen.iterdir()} == {
        "1.jpg.jpg",
        "1.jpg-2.jpg",
        "<img src=x onerror=alert(1)>.png.jpg",
        "clip.wav.jpg",
    }
    assert max(p.stat().st_size for p in seen.iterdir()) <= 300_000
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert len(records) == 5
    assert {r["explained"] for r in records} == {None, *map(str, seen.iterdir())}


@pytest.mark.parametrize("link", [False, True])
def test_pictures_of_explain_in_a_folder_that_is_read_are_no_inputs(
    run, bundle, holiday, tmp_path, link
):
    seen = holiday / "seen"
    if link:
        (tmp_path / "elsewhere").mkdir()
        seen.symlink_to(tmp_path / "elsewhere")
    call = ["classify", "-r", holiday, "--explain", seen, "--format", "%p"]
    first = run(*call)
    assert len(first.stdout.splitlines()) == 3
    again = run(*call)
    assert again.stdout == first.stdout
    assert len(list(seen.iterdir())) == 3
    named = run("classify", seen, "--explain", tmp_path / "others", "--format", "%p")
    assert len(named.stdout.splitlines()) == 3


@pytest.mark.parametrize(("size", "drawn"), [((451, 300), (451, 300)), ((3200, 1800), (1600, 900))])
def test_the_picture_of_a_photo_has_its_size(run, bundle, tmp_path, size, drawn):
    photo = make_picture(tmp_path / "photo.png", *size)
    assert run("classify", photo, "--explain", tmp_path / "seen").exit_code == 0
    with Image.open(tmp_path / "seen" / "photo.png.jpg") as picture:
        assert picture.size == drawn


def test_the_picture_of_a_sound_says_which_seconds_it_shows(
    run, bundle, media, tmp_path, monkeypatch
):
    written = []
    draw = ImageDraw.ImageDraw.text

    def text(self, place, words, *more, **options):
        written.append(words)
        draw(self, place, words, *more, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    sound = make_sound(tmp_path / "long.wav", 2.5)
    outcome = run("classify", sound, "--explain", tmp_path, "--jsonl")
    result = read_result(json.loads(outcome.stdout))
    assert len(result.segments) > 1
    shown = result.segments[result.clearest_segment]
    start, end = f"{shown['start_s']:g}", f"{shown['end_s']:g}"
    assert written == [f"{start} s to {end} s of 2.5 s: the window with the clearest answer"]
    with Image.open(tmp_path / "long.wav.jpg") as picture:
        line = np.asarray(picture.convert("L"))[-32:]
    assert line.std() > 5
    written.clear()
    make_sound(tmp_path / "short.wav", 0.5)
    films = (media["video"], media["pointcloud"], media["image"])
    assert run("classify", tmp_path / "short.wav", *films, "--explain", tmp_path).exit_code == 0
    assert [words.partition(" of ")[2] for words in written] == ["0.5 s", "1 s"]
    assert written[0] == "0 s to 0.5 s of 0.5 s"


def test_heat_in_the_terminal_and_on_the_page_says_which_seconds_it_shows(
    run, bundle, media, tmp_path
):
    sound = make_sound(tmp_path / "long.wav", 2.5)
    page = tmp_path / "page.html"
    outcome = run("classify", sound, media["image"], "--show", "--report", page)
    written = re.findall(r"^\d.* s to .*", outcome.stdout, re.MULTILINE)
    assert written == re.findall(r">(\d[^<]* s to [^<]*)<", page.read_text())
    result = read_result(json.loads(run("classify", sound, "--jsonl").stdout))
    shown = result.segments[result.clearest_segment]
    start, end = f"{shown['start_s']:g}", f"{shown['end_s']:g}"
    assert written == [f"{start} s to {end} s of 2.5 s: the window with the clearest answer"]


def test_every_modality_has_a_picture(run, bundle, media, tmp_path, monkeypatch):
    without_matplotlib(monkeypatch)
    assert run("classify", *media.values(), "--explain", tmp_path).exit_code == 0
    for path in media.values():
        with Image.open(tmp_path / f"{path.name}.jpg") as picture:
            assert np.asarray(picture).std() > 5


def test_pictures_for_what_is_under_the_score_asked_for(run, bundle, media, tmp_path):
    call = ("classify", media["image"], "--min-score", 1, "--explain", tmp_path, "--method")
    assert run(*call, "gradient").exit_code == 0
    assert (tmp_path / "photo.jpg.jpg").is_file()


def test_drawing_without_matplotlib_is_refused_before_the_work(
    run, bundle, media, tmp_path, monkeypatch
):
    without_matplotlib(monkeypatch)
    outcome = run("explain", media["image"], "-o", tmp_path / "seen.png")
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "perceiver: drawing needs matplotlib: pip install 'perceiver-cli[plots]'\n"
    )
    assert outcome.stdout == ""


@pytest.mark.parametrize("modality", ["image", "audio", "pointcloud", "av"])
def test_heat_in_the_terminal(run, bundle, media, monkeypatch, modality):
    without_matplotlib(monkeypatch)
    outcome = run("classify", media[modality], media[modality], "--show")
    assert outcome.exit_code == 0
    assert outcome.stdout.count("each cross-attend:") == 2
    assert outcome.stdout.count("Attention: where the latents look") == 2
    assert sum("░" in line or "▒" in line for line in outcome.stdout.splitlines()) > 6
    assert max(map(len, outcome.stdout.splitlines()[1:])) <= 80


def test_show_is_for_tables(run, bundle, media, tmp_path):
    assert run("classify", media["image"], "--show", "--format", "csv").exit_code == 2
    assert run("classify", media["image"], "--show", "-o", tmp_path / "x").exit_code == 2


def test_a_report_of_a_folder(run, bundle, holiday, media, tmp_path, monkeypatch):
    without_matplotlib(monkeypatch)
    page = tmp_path / "report.html"
    outcome = run("classify", "-r", holiday, *media.values(), "--report", page, "--format", "csv")
    assert outcome.exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert text.count('<li id="item-') == len(outcome.stdout.splitlines()) - 1 == 9
    assert text.count("data:image/webp;base64,") == 2 * 8
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in text
    assert "notes.txt" not in text
    assert text.count("<p>Attends to ") == 8


@pytest.mark.parametrize(
    ("method", "caption"), [("rollout", "The heat is rollout: "), ("gradient", "The heat is grad")]
)
def test_a_report_by_another_method_has_its_caption(run, bundle, media, tmp_path, method, caption):
    page = tmp_path / "report.html"
    run("classify", media["image"], "--report", page, "--method", method, "--format", "csv")
    text = page.read_text(encoding="utf-8")
    assert "Attends to " not in text
    assert f'alt="{caption}' in text
    assert f"<p>{caption}" in text


def test_a_report_of_records_is_the_same(run, bundle, holiday, media, tmp_path):
    records, first, second = tmp_path / "out.jsonl", tmp_path / "1.html", tmp_path / "2.html"
    inputs = ("-r", holiday, media["av"])
    run("classify", *inputs, "--report", first, "-o", records)
    outcome = run("report", records, "-o", second)
    assert (outcome.exit_code, outcome.stderr) == (0, f"perceiver: written to {second}\n")
    made = [page.read_text(encoding="utf-8").partition("<h1>")[2] for page in (first, second)]
    assert made[0].partition("Made by")[0] == made[1].partition("Made by")[0]
    assert made[0].partition("<main>")[2] == made[1].partition("<main>")[2]


@pytest.mark.parametrize(
    "options", [[], ["--timeline"], ["--windows", 1], ["--windows", 3], ["--windows", 20]]
)
def test_a_report_of_records_reads_the_same_windows_once(
    run, bundle, tmp_path, monkeypatch, options
):
    film = make_av(tmp_path / "film.mp4", 14.0)
    records, first, second = tmp_path / "out.jsonl", tmp_path / "1.html", tmp_path / "2.html"
    run("classify", film, *options, "--report", first, "-o", records)
    prepare, parts = Preparer.prepare, []

    def prepare_and_note(preparer, source):
        parts.append(source.part)
        return prepare(preparer, source)

    monkeypatch.setattr(Preparer, "prepare", prepare_and_note)
    assert run("report", records, "-o", second).exit_code == 0
    assert parts.count(None) == 1
    shown = [
        re.findall(r">([\d.]+) s to ([\d.]+) s of 14 s", page.read_text())
        for page in (first, second)
    ]
    assert shown[0] == shown[1] != []
    result = read_result(json.loads(records.read_text()))
    if result.segments:
        segment = result.segments[result.clearest_segment]
        assert float(shown[1][0][0]) == pytest.approx(segment["start_s"], abs=0.005)
        assert float(shown[1][0][1]) == pytest.approx(segment["end_s"], abs=0.005)


def test_a_report_of_records_by_pulled_weights_has_pictures(
    run, weights, media, own_home, tmp_path, monkeypatch
):
    from perceiver_cli.checkpoints import registry

    monkeypatch.setattr(registry, "bundled_folder", lambda: tmp_path / "none")
    (own_home / "weights").mkdir()
    shutil.copy(weights["image"], own_home / "weights")
    records, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    run("classify", media["image"], "--model", "tiny-image", "-o", records)
    outcome = run("report", records, "-o", page)
    assert (outcome.exit_code, outcome.stderr) == (0, f"perceiver: written to {page}\n")
    assert page.read_text(encoding="utf-8").count("data:image/webp") == 2


def test_a_report_of_files_that_are_gone(run, bundle, media, tmp_path):
    records, page = tmp_path / "out.json", tmp_path / "page.html"
    path = make_picture(tmp_path / "gone.png")
    run("classify", path, media["image"], "-o", records)
    path.unlink()
    changed = json.loads(records.read_text())
    changed.append(changed[1] | {"model": "somebody-elses"})
    records.write_text(json.dumps(changed))
    outcome = run("report", records, "-o", page)
    assert outcome.exit_code == 0
    assert outcome.stderr == (
        "perceiver: 2 files without a picture: moved, changed, or from other weights\n"
        f"perceiver: written to {page}\n"
    )
    text = page.read_text(encoding="utf-8")
    assert text.count('<li id="item-') == 3
    assert text.count("data:image/webp") == 2
    outcome = run("report", records, "-o", page, "--no-pictures")
    assert outcome.stderr == f"perceiver: written to {page}\n"
    assert "data:image/webp" not in page.read_text(encoding="utf-8")


def test_a_report_of_what_is_no_record(run, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("just words\n")
    page = tmp_path / "page.html"
    outcome = run("report", path, "-o", page)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: {path}, line 1: not JSON\n"
    assert run("report", tmp_path / "none.jsonl", "-o", page).exit_code == 2
    assert not page.exists()


def test_a_report_that_cannot_be_written_is_refused_before_the_work(run, bundle, media, tmp_path):
    outcome = run("classify", media["image"], "--report", tmp_path / "none" / "page.html")
    assert outcome.exit_code == 2
    assert outcome.stdout == ""


def test_a_resumed_run_is_reported_from_its_journal(run, bundle, media, tmp_path):
    journal, page = tmp_path / "j.jsonl", tmp_path / "page.html"
    outcome = run("classify", media["image"], "--resume", journal, "--report", page)
    assert outcome.exit_code == 2
    assert "perceiver report" in outcome.stderr
    assert (
        run("classify", media["image"], "--resume", journal, "--explain", tmp_path).exit_code == 2
    )
    run("classify", media["image"], "--resume", journal)
    assert run("report", journal, "-o", page).exit_code == 0
    assert page.read_text(encoding="utf-8").count("data:image/webp") == 2


@pytest.mark.parametrize("text", ["", "\n", "[]"])
def test_a_report_of_no_record(run, tmp_path, text):
    (path := tmp_path / "none.jsonl").write_text(text)
    outcome = run("report", path, "-o", tmp_path / "page.html")
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: {path}: contains no records\n"
    assert not (tmp_path / "page.html").exists()


def test_what_was_written_is_named(run, bundle, media, tmp_path):
    records, page, seen = tmp_path / "out.jsonl", tmp_path / "page.html", tmp_path / "seen"
    (tmp_path / "notes.txt").write_text("just words\n")
    outcome = run("classify", tmp_path / "notes.txt", "--explain", seen)
    assert "written to" not in outcome.stderr
    outcome = run("classify", media["image"], "--explain", seen, "-o", records)
    assert outcome.stderr.endswith(f"written to {records}\nperceiver: written to {seen}\n")
    outcome = run("report", records, "-o", page)
    assert (outcome.exit_code, outcome.stderr) == (0, f"perceiver: written to {page}\n")


def test_pages_of_files_without_a_signal(run, bundle, tmp_path):
    blank, records = tmp_path / "blank.png", tmp_path / "out.jsonl"
    Image.new("RGB", (64, 64), "white").save(blank)
    pages = tmp_path / "first.html", tmp_path / "second.html"
    assert run("classify", blank, "--report", pages[0], "-o", records).exit_code == 0
    outcome = run("report", records, "-o", pages[1])
    assert (outcome.exit_code, outcome.stderr) == (0, f"perceiver: written to {pages[1]}\n")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.count('<li id="item-') == 1
        assert "<h2>Scores</h2>" not in text


def test_drawings_are_not_written_to_a_url(run, bundle, media, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = run("classify", media["image"], "--explain", "s3://bucket/seen")
    assert outcome.exit_code == 2
    assert "s3://bucket/seen is a URL; a folder on disk is required" in outcome.stderr
    assert list(tmp_path.iterdir()) == []
