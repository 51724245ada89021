"""Whole sounds and films: classify --timeline, --windows, and the forms of events."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perceiver_cli.inference import long_inputs
from tests.samples import make_av, make_sound

RATE = 8000


@pytest.fixture
def long_sound(tmp_path) -> Path:
    """40 s: noise, with 5 s of silence from 20 s on."""
    samples = np.random.default_rng(0).standard_normal(40 * RATE) * 0.1
    samples[20 * RATE : 25 * RATE] = 0
    path = tmp_path / "long & <loud>.wav"
    soundfile.write(path, samples, RATE)
    return path


@pytest.fixture
def eager(bundle, weights, monkeypatch) -> None:
    """Every class of the tiny models, which are never sure, is an event."""
    from perceiver_cli.inference import postprocess
    from perceiver_cli.inference.events import EventSettings

    settings = EventSettings(on=0.01, off=1.0, quiet=1.0)
    monkeypatch.setattr(postprocess, "settings_of", lambda values: settings)


def record_of(run, *call) -> dict:
    return json.loads(run("classify", *call, "--jsonl", "-q").stdout)


def test_a_sound_is_read_whole_and_a_short_one_as_before(run, eager, long_sound, tmp_path):
    record = record_of(run, long_sound)
    starts = [segment["start_s"] for segment in record["segments"]]
    assert len(starts) == 79
    assert starts[:3] == [0.0, 0.5, 1.0]
    assert starts[-1] == 39.0
    silent = [s for s in record["segments"] if s["signal"] == "silent"]
    assert [s["start_s"] for s in silent] == [20.0 + n / 2 for n in range(9)]
    assert {e["label"] for e in record["events"]} > {"silence"}
    short = record_of(run, make_sound(tmp_path / "short.wav", 4.0, RATE))
    assert len(short["segments"]) == 4
    assert short["events"] == []


def test_parts_come_to_the_same_as_all_at_once(run, bundle, long_sound, monkeypatch):
    from perceiver_cli.preparation import base

    records = []
    for first, stretch in ((16, 32), (5, 7), (1000, 1)):
        monkeypatch.setattr(base, "FIRST_WINDOWS", first)
        monkeypatch.setattr(long_inputs, "PART", stretch)
        records.append(record_of(run, long_sound) | {"seconds": None})
    one, other, whole = records
    for part in (one, other):
        assert [s["label"] for s in part["segments"]] == [s["label"] for s in whole["segments"]]
        assert part["events"] == whole["events"]
        assert part["predictions"][0]["score"] == pytest.approx(
            whole["predictions"][0]["score"], abs=1e-3
        )
        cross_attends = part["attention"]["cross_attends"], whole["attention"]["cross_attends"]
        assert len(cross_attends[0]) == len(cross_attends[1])
        assert cross_attends[0][0]["entropy_bits"] == pytest.approx(
            cross_attends[1][0]["entropy_bits"], abs=1e-2
        )


def test_reading_ahead_changes_nothing(run, bundle, long_sound, tmp_path, monkeypatch):
    """Whole, and cut off: a FLAC file states its length, which the second half of it lacks."""
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    samples, rate = soundfile.read(long_sound)
    soundfile.write(whole, samples, rate)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    calls = [(path, "--timeout", limit) for path in (long_sound, cut) for limit in ("0", "60")]
    ahead = [record_of(run, *call) for call in calls]
    monkeypatch.setattr(long_inputs, "prefetch", lambda values: (value for value in values))
    for call, record in zip(calls, ahead, strict=True):
        assert record | {"seconds": None} == record_of(run, *call) | {"seconds": None}
    assert all(len(record["segments"]) == 79 for record in ahead[:2])
    assert all(10 < len(record["segments"]) < 79 for record in ahead[2:])
    assert all("some of it was left out" in record["notes"][-1] for record in ahead[2:])


def test_long_sounds_are_decoded_in_other_processes_too(run, bundle, long_sound, tmp_path):
    copies = [tmp_path / f"{n}.wav" for n in range(6)]
    for copy in copies:
        copy.write_bytes(long_sound.read_bytes())
    outcome = run("classify", *copies, "--jsonl", "--no-attention")
    assert outcome.exit_code == 0
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert {len(record["segments"]) for record in records} == {79}


def test_windows_are_spread_over_the_file(run, bundle, long_sound):
    record = record_of(run, long_sound, "--windows", "20")
    starts = [segment["start_s"] for segment in record["segments"]]
    # The window at 24.6 s begins with silence, which is left out.
    assert starts == pytest.approx([n * 39 / 19 for n in range(20)], abs=0.35)
    assert record["events"] == []
    assert run("classify", long_sound, "--windows", "2", "--timeline").exit_code == 2


def test_films_are_read_whole_for_a_timeline(run, eager, tmp_path):
    film = make_av(tmp_path / "film.mp4", 6.0)
    assert len(record_of(run, film)["segments"]) == 4
    record = record_of(run, film, "--timeline")
    assert len(record["segments"]) == 11
    assert record["events"]
    assert all(0 <= e["start_s"] < e["end_s"] <= 6.1 for e in record["events"])


def test_csv_has_a_row_an_event(run, eager, long_sound, media):
    record = record_of(run, long_sound)
    paths = (long_sound, media["image"], "none.wav")
    outcome = run("classify", *paths, "--timeline", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.stdout, newline="")))
    own = [row for row in rows if row["path"] == str(long_sound)]
    for row, event in zip(own, record["events"], strict=True):
        assert (row["label"], row["id"]) == (event["label"], event["id"] or "")
        assert float(row["start_s"]) == event["start_s"]
        assert float(row["end_s"]) == event["end_s"]
    picture, missing = rows[len(own) :]
    assert (picture["status"], picture["label"]) == ("ok", "")
    assert missing["error_kind"] == "unreadable"


def test_csv_of_events_has_the_answers_of_what_has_no_time(run, bundle, media):
    """With --sure 0 the best class is the answer."""
    paths = (media["image"], media["pointcloud"])
    levels = set()
    for sure in (0, 0.3):
        options = ("--timeline", "--sure", sure)
        records = json.loads(run("classify", *paths, *options, "--json").stdout)
        rows = csv.DictReader(
            io.StringIO(run("classify", *paths, *options, "--format", "csv").stdout, newline="")
        )
        for row, record in zip(rows, records, strict=True):
            answer = record["answer"]
            levels.add(answer["level"])
            ids = {p["label"]: p["id"] for p in record["predictions"]}
            assert (row["label"], float(row["score"])) == (answer["label"], answer["score"])
            assert row["id"] == (ids[answer["label"]] if answer["level"] == "class" else "")
            assert (row["start_s"], row["end_s"]) == ("", "")
    assert "class" in levels


def subtitles(path: Path) -> list[tuple[float, float, str]]:
    """(start, end, text) as FFmpeg reads them."""
    import av

    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        tick = float(stream.time_base)
        return [
            (p.pts * tick, (p.pts + p.duration) * tick, bytes(p).decode())
            for p in container.demux(stream)
            if p.size
        ]


@pytest.mark.parametrize("ending", ["vtt", "srt"])
def test_subtitles_are_read_back(run, eager, long_sound, tmp_path, ending):
    out = tmp_path / f"out.{ending}"
    outcome = run("classify", long_sound, "-o", out)
    assert outcome.stderr.endswith(f"written to {out}\n")
    heard = [e for e in record_of(run, long_sound)["events"] if e["id"]]
    found = subtitles(out)
    assert len(found) == len(heard) > 1
    for (start, end, text), event in zip(found, heard, strict=True):
        assert (start, end) == pytest.approx((event["start_s"], event["end_s"]), abs=1e-3)
        assert text == event["label"]


def test_audacity_labels_are_read_back(run, eager, long_sound, tmp_path):
    out = tmp_path / "out.txt"
    assert run("classify", long_sound, "--timeline", "-o", out).exit_code == 0
    lines = [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()]
    events = record_of(run, long_sound)["events"]
    assert [(float(a), float(b), label) for a, b, label in lines] == [
        (e["start_s"], e["end_s"], e["label"]) for e in events
    ]
    # Without --timeline the same ending is the table.
    run("classify", long_sound, "-o", out)
    assert "Read by" in out.read_text(encoding="utf-8")


def test_subtitles_are_of_one_file(run, bundle, media, tmp_path):
    outcome = run("classify", media["audio"], media["av"], "-o", tmp_path / "out.srt")
    assert outcome.exit_code == 2
    assert "supports a single sound or video; give one file" in outcome.stderr
    assert not (tmp_path / "out.srt").exists()


@pytest.mark.parametrize(("name", "told"), [("o.srt", 1), ("o.vtt", 1), ("o.txt", 0)])
def test_no_events_are_told_in_one_line(run, bundle, tmp_path, name, told):
    silent = tmp_path / "a.wav"
    soundfile.write(silent, np.zeros(20_000), 8000)
    out = tmp_path / name
    call = ("classify", silent, "--timeline", "-o", out, "--format")
    form = "audacity" if name == "o.txt" else name[2:]
    line = f"perceiver: {silent}: there are no events to write\n" * told
    # Audacity labels name silence, too.
    assert run(*call, form).stderr == f"{line}perceiver: written to {out}\n"
    assert run(*call, form, "-q").stderr == ""
    assert ("silence" in out.read_text()) == (not told)


@pytest.mark.parametrize("ending", ["srt", "vtt"])
@pytest.mark.parametrize(("modality", "noun"), [("image", "picture"), ("pointcloud", "shape")])
def test_what_has_no_time_has_no_subtitles(run, bundle, media, tmp_path, ending, modality, noun):
    out = tmp_path / f"out.{ending}"
    outcome = run("classify", media[modality], "-o", out)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"perceiver: {ending} supports only sounds and videos; {media[modality]} is a {noun}\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("named", [True, False])
def test_a_failed_input_has_no_subtitles(run, bundle, tmp_path, named):
    (folder := tmp_path / "sounds").mkdir()
    (file := folder / "notes.txt").write_text("what we did\nand where\n")
    out = tmp_path / "out.srt"
    out.write_text("old")
    outcome = run("classify", file if named else folder, "-o", out)
    assert outcome.exit_code == (1 if named else 0)
    assert "notes.txt: " in outcome.stderr or not named
    assert "written" not in outcome.stderr
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.srt", "sounds"]


def test_the_table_lists_events(run, eager, long_sound, monkeypatch):
    text = run("classify", long_sound, "--no-attention").stdout
    assert "0:20.0-0:25.0  silence" in text
    monkeypatch.setenv("COLUMNS", "30")
    narrow = run("classify", long_sound, "--no-attention").stdout
    assert max(map(len, narrow.splitlines())) <= 30
    assert "0:20.0-0:25.0  silence" in narrow


def test_the_page_has_a_timeline_and_a_player(run, eager, long_sound, tmp_path):
    (tmp_path / "pages").mkdir()
    page, again = tmp_path / "pages" / "page.html", tmp_path / "again.html"
    records = tmp_path / "out.jsonl"
    assert run("classify", long_sound, "--report", page, "-o", records).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert 'src="../long%20%26%20%3Cloud%3E.wav"' in text
    assert text.count('data-start="') == len(record_of(run, long_sound)["events"])
    assert 'data-start="20.0"' in text
    assert run("report", records, "-o", again).exit_code == 0
    assert 'src="long%20%26%20%3Cloud%3E.wav"' in again.read_text(encoding="utf-8")


def test_a_picture_of_a_long_sound_shows_its_clearest_window(run, bundle, long_sound, tmp_path):
    assert run("classify", long_sound, "--explain", tmp_path / "seen").exit_code == 0
    (picture,) = (tmp_path / "seen").iterdir()
    assert picture.stat().st_size > 1000


def test_windows_are_drawn_on_one_scale():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from perceiver_cli.explanations import SoundMap
    from perceiver_cli.report.drawings.colours import Scale
    from perceiver_cli.report.drawings.track import draw_waveform

    wave = np.sin(np.arange(800.0)).astype(np.float32)
    loud = SoundMap(np.ones((1, 1, 4)), 0.25, 0.0, 1.0, wave, np.ones((4, 8)), np.arange(5.0))
    quiet = replace(loud, samples=wave / 1000)
    for window, height in ((loud, 2.0), (quiet, 0.04)):
        axes = Figure().add_subplot()
        draw_waveform(axes, window, window.values[-1], Scale(2.0), 100, loudest=1.0)
        strokes = np.concatenate(axes.collections[0].get_segments())
        assert np.ptp(strokes[:, 1]) == pytest.approx(height, abs=0.05)
