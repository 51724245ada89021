import csv
import io
import json
import os
import re

import pytest

from perceiver_cli.report import writer_for
from perceiver_cli.results import Answer, Prediction
from tests.report.results import attention, classified, failed, unsure

AWKWARD = 'a, "quoted"\nname [bold].jpg'


class Stream(io.TextIOWrapper):
    """A text stream in memory that is, or is not, a terminal."""

    def __init__(self, encoding: str = "utf-8", terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding, errors="backslashreplace", newline="")
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def written(
    form: str, *results, many: bool = False, stream: Stream | None = None, **options
) -> str:
    stream = stream or Stream()
    writer = writer_for(form, stream, many=many, **options)
    writer.begin()
    for result in results:
        writer.write(result)
    writer.end()
    return stream.text()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_json_is_one_array_of_the_records():
    results = [classified(AWKWARD), failed()]
    assert json.loads(written("json", *results)) == [r.to_dict() for r in results]
    assert json.loads(written("json")) == []


def test_jsonl_is_one_record_a_line():
    results = [classified(AWKWARD), failed()]
    lines = written("jsonl", *results).splitlines()
    assert [json.loads(line) for line in lines] == [r.to_dict() for r in results]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_names_survive_any_encoding(encoding):
    path = "née 日本 " + os.fsdecode(b"\xff") + ".jpg"
    text = written("jsonl", classified(path), stream=Stream(encoding))
    assert json.loads(text)["path"] == path
    assert ("née" in text) == (encoding == "utf-8")


def test_csv_quotes_what_needs_it_and_ends_lines_as_rfc_4180_says():
    text = written("csv", classified(AWKWARD), failed("cut.jpg"), classified(predictions=[]))
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["path"] for row in rows] == [AWKWARD, "cut.jpg", "photo.jpg"]
    assert rows[0]["label"] == "Egyptian cat"
    assert rows[0]["score"] == "0.8312"
    assert rows[0]["confident"] == "true"
    told = [rows[0][name] for name in ("answer", "level", "answer_score")]
    assert told == ["Egyptian cat", "class", "0.8312"]
    assert rows[1]["status"] == "error"
    assert rows[1]["error_message"] == "the data is cut off, or damaged"
    assert rows[2]["label"] == ""
    assert text.count("\r\n") == 4
    assert '"a, ""quoted""\nname [bold].jpg"' in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_csv_holds_no_formulas(start):
    formula = f"{start}HYPERLINK(x)"
    best = Prediction(formula, 0, formula, 0.5)
    text = written("csv", classified(formula, predictions=[best]), classified("-"))
    formulas, dash = csv.DictReader(io.StringIO(text, newline=""))
    assert [formulas[name] for name in ("path", "label", "id")] == ["'" + formula] * 3
    assert (formulas["score"], dash["path"]) == ("0.5", "-")


def test_labels_are_one_line_with_two_tabs():
    animal = Answer("animal", "kind", 0.9)
    results = [classified("a\tb\nc.jpg"), failed(), unsure(), classified("d.jpg", answer=animal)]
    text = written("labels", *results)
    assert text == "a\\tb\\nc.jpg\tEgyptian cat\tclass\nphoto.jpg\t\t\nd.jpg\tanimal\tkind\n"


def test_lines_have_paths_with_backslashes_as_they_are():
    path = "C:\\new\\table.jpg"
    assert written("labels", classified(path)) == f"{path}\tEgyptian cat\tclass\n"
    assert written("%p", classified(path)) == f"{path}\n"


def test_detail_has_type_reason_and_region():
    text = written("table", classified("[bold]me.jpg"))
    assert text.startswith("[bold]me.jpg  image (JPEG header): 451x300 JPEG\n")
    assert "1,024 elements x 113 channels" in text
    assert "Egyptian cat" in text
    assert "0.83" in text
    assert "137.2" in text
    assert "x 120-200, y 40-120 (12%)" in text
    assert "sure" not in text


def test_detail_leads_with_the_answer():
    cat, other = Answer("cat", "group", 0.896), Answer("bird", "group", 0.9)
    for result, line in (
        (classified(), "an Egyptian cat (83 %)"),
        (classified(answer=cat), "a cat (89 %), perhaps an Egyptian cat (83 %)"),
        (classified(answer=other), "a bird (90 %)"),
        (unsure(), "not sure, perhaps an Egyptian cat (83 %)"),
        (unsure(predictions=[]), "not sure"),
        (unsure(predictions=[], among=[]), "pictures knows none of the requested classes"),
    ):
        assert line in written("table", result).splitlines()[:3]


def test_a_score_below_the_threshold_is_not_shown_as_the_threshold():
    almost = unsure(predictions=[Prediction("sea shore", 1, "sea_shore", 0.7968)])
    assert "perhaps a sea shore (79 %)" in written("table", almost)
    assert re.search(r"^sea shore .* 0\.79$", written("table", almost), re.M)
    assert re.search(r" 0\.79 +unsure$", written("table", almost, many=True), re.M)
    assert written("%s", almost) == "0.79\n"
    exact = classified(predictions=[Prediction("cat", 1, "cat", 0.29)])
    assert written("%s", exact) == "0.29\n"


def test_detail_says_what_was_read():
    for changes, words in (
        ({"read": {"share": 0.57, "area": 0.57}}, "it read the middle 57 % of the picture"),
        (
            {
                "read": {"share": 0.17, "seconds": 10.0},
                "modality": "audio",
                "input": {"duration_s": 60.0, "sample_rate": 8000, "channels": 1},
                "attention": None,
            },
            "it read 10 of 60 s",
        ),
    ):
        assert words in " ".join(written("table", classified(**changes)).split())
    text = written("table", classified(read={"share": 0.57, "area": 0.57}))
    assert "of what it read of the picture" in " ".join(text.split())
    assert "it read" not in written("table", classified(read={"share": 1.0}))


def test_the_attention_table_says_the_same_as_the_sentence():
    text = written("table", classified())
    assert re.search(r"^# +sees +each latent +top 1% +peak +shift", text, re.M)
    assert re.search(r"^1 +20 % +137\.2 ", text, re.M)
    assert "Attends to 20 % of the picture" in text


def test_detail_says_how_many_classes_share_the_score():
    text = " ".join(written("table", classified(among=["a", "b"])).split())
    assert "scores are shared by 2 requested classes" in text
    assert "requested" not in written("table", classified())


def test_detail_of_a_model_without_the_requested_classes():
    windows = [{"start_s": 2.0 * n, "label": None, "signal": "present"} for n in range(2)]
    text = written("table", unsure(predictions=[], among=[], segments=windows))
    assert "pictures knows none of the requested classes" in text
    assert "all present" not in text
    assert "shared" not in text


@pytest.mark.parametrize(("number", "words"), [(1, "1 window: rain"), (2, "2 windows, all rain")])
def test_windows_of_one_label_have_no_times(number, words):
    segments = [{"start_s": 2.0 * n, "label": "rain", "score": 0.5} for n in range(number)]
    assert f"{words}\n" in written("table", classified(segments=segments))


def test_detail_shows_segments_and_shares():
    segments = [
        {"start_s": 0.0, "label": "rain", "score": 0.5},
        {"start_s": 2.0, "label": "rain", "score": 0.5},
        {"start_s": 4.0, "label": "dog", "score": 0.5},
    ]
    stats = attention({"video": 0.61, "audio": 0.39}, {"start_s": 1.0, "end_s": 1.5})
    text = written("table", classified(segments=segments, attention=stats))
    assert "3 windows: rain from 0.0 s; dog from 4.0 s" in text
    assert "video 61%, audio 39%" in text
    assert "1.00-1.50 s (12%)" in text


def test_detail_without_attention_has_no_table_for_it():
    assert "ttention" not in written("table", classified(attention=None))


def test_rows_are_one_line_each(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = written(
        "table",
        classified("a/" * 40 + "photo.jpg"),
        unsure("b.jpg"),
        failed(),
        unsure("c.jpg", predictions=[]),
        many=True,
    )
    heading, first, second, third, fourth = text.splitlines()
    assert heading.split() == ["file", "modality", "label", "score"]
    assert "…/photo.jpg" in first
    assert second.endswith("unsure")
    assert third.endswith("failed")
    assert "corrupt" in third
    assert fourth.split() == ["c.jpg", "image", "-"]


@pytest.mark.parametrize("familiar", [True, False, None])
def test_rows_without_an_answer_are_unsure(familiar):
    text = written("table", unsure(familiar=familiar), classified(familiar=familiar), many=True)
    without, answered = text.splitlines()[1:]
    assert without.endswith("unsure")
    assert answered.endswith("unlike") is (familiar is False)


def test_many_rows_end_with_what_they_come_to():
    scores = [0.9, 0.3, 0.8, 0.1, 0.7] * 5
    results = [
        classified(f"{n:02}.jpg", answer=Answer(f"label {n % 10}", "class", score))
        for n, score in enumerate(scores)
    ]
    text = written("table", *results, failed(), many=True)
    _, end = text.split("\nMost often:\n")
    often, unsure = end.split("\nLeast sure:\n")
    assert often.split(", ")[0] == "  3 label 0"
    assert often.endswith("2 other labels\n")
    told = [line.split() for line in unsure.splitlines()]
    assert [(row[0], row[-1]) for row in told] == [
        (f"{n:02}.jpg", "0.10") for n in (3, 8, 13, 18, 23)
    ]
    assert "Most often" not in written("table", *results[:20], many=True)


def test_a_single_label_more_is_named():
    results = [
        classified(f"{n:02}.jpg", answer=Answer(f"label {n % 9}", "class", 0.9)) for n in range(21)
    ]
    often = written("table", *results, many=True).split("\nMost often:\n")[1]
    assert all(f"label {n}" in often for n in range(9))
    assert "other label" not in often


def test_verbose_shows_many_in_full():
    text = written("table", classified(), classified("b.jpg"), many=True, verbose=True)
    assert text.count("; each cross-attend:") == 2
    assert "load 0.010 s" in text


def test_one_photo_takes_at_most_fourteen_lines():
    guesses = [Prediction(f"guess {n}", n, f"n{n}", 0.3 - n / 20) for n in range(5)]
    stats = attention({"image": 1.0}, {"x0": 120, "y0": 40, "x1": 200, "y1": 120}, times=4)
    result = unsure("holiday/photo.jpg", predictions=guesses, attention=stats)
    text = written("table", result)
    assert len(text.splitlines()) <= 14
    assert "guess 4" in text


def test_guesses_that_round_to_nothing_are_left_out():
    few = [Prediction("cat", 0, "n0", 0.997), Prediction("dog", 1, "n1", 0.003)]
    assert "dog" not in written("table", classified(predictions=few))
    assert "dog" in written("table", classified(predictions=few), verbose=True)


@pytest.mark.parametrize("columns", [30, 40, 52, 60, 66])
def test_labels_and_scores_stay_on_narrow_terminals(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    results = [classified("holiday/photo.jpg"), unsure("b.jpg"), failed()]
    detail, rows = written("table", results[0]), written("table", *results, many=True)
    for text in (detail, rows):
        assert max(map(len, text.splitlines())) <= columns
    assert re.search(r"^Egyptian cat .*0\.83$", detail, re.M)
    _, first, second, third = rows.splitlines()
    assert re.search(r"Egyp.* 0\.83$", first)
    assert re.search(r"0\.83  (unsure|\?)$", second)
    assert re.search(r"corrupt +(failed|!)$", third)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
def test_tables_fit_eighty_columns(many, terminal, monkeypatch):
    """But for rows of long paths in a file or pipe, where paths stay whole."""
    if terminal:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("TERM", "dumb")
    path = "日本語の長い名前/" * 9 + "photo.jpg"
    cube = {"min": [-123.4567, 500123.25, -3.5], "max": [123.4567, 500124.75, 4.25]}
    long = [Prediction("a long label, which goes on " * 5, 1, "n1", 0.5)]
    results = [
        classified(path, predictions=long),
        classified(attention=attention({"video": 0.5, "audio": 0.5}, cube), model="m" * 70),
    ]
    stream = Stream(terminal=terminal)
    text = written("table", *results, many=many, stream=stream)
    from rich.cells import cell_len

    assert (path in text) is not terminal
    widest = cell_len(path) if many and not terminal else 0
    lines = [line for line in text.splitlines() if not line.startswith(path)]
    assert max(map(cell_len, lines)) <= 80 + widest
    if not terminal:
        assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_columns_stay_aligned_after_a_long_path_in_a_pipe():
    long = "a/folder/with/a/long/name/photo-0001.jpg"
    text = written("table", classified("a.jpg"), classified(long), classified("b.jpg"), many=True)
    first, second, third = (line.index("image") for line in text.splitlines()[1:4])
    assert first < second == third


def test_green_is_for_what_is_sure():
    for result in (unsure(), classified(answer=Answer("cat", "group", 0.9), confident=False)):
        assert ("32m" in written("table", result, stream=Stream(terminal=True))) == bool(
            result.answer
        )


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch):
    assert "\x1b" not in written("table", classified())
    assert "32m" in written("table", classified(), stream=Stream(terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "32m" not in written("table", classified(), stream=Stream(terminal=True))


@pytest.mark.parametrize("many", [False, True])
def test_ascii_streams_get_ascii_tables(many):
    text = written("table", classified(), many=many, stream=Stream("ascii"))
    assert "###" in text
    assert "\\u" not in text


def test_control_characters_in_names_cannot_steer_the_terminal():
    for many in (False, True):
        text = written("table", classified("\x1b[31mred\n.jpg"), many=many)
        assert "\\x1b[31mred\\n.jpg" in text


def test_csv_shows_bytes_outside_utf_8_as_tables_do():
    path = "née " + os.fsdecode(b"\xff") + ".jpg"
    (row,) = csv.DictReader(io.StringIO(written("csv", classified(path)), newline=""))
    assert row["path"] == r"née \xff.jpg"
