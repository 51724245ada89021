import csv
import errno
import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perceiver_cli.inference import chosen_classes
from perceiver_cli.report.words import score_in_words
from tests.samples import make_picture, make_sound


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder, also the current one, with two pictures, one of them below, and a text."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "holiday"
    (place / "sub").mkdir(parents=True)
    make_picture(place / "a.jpg")
    make_picture(place / "sub" / "b.png")
    (place / "notes.txt").write_text("what we did\nand where\n")
    return place


@pytest.mark.parametrize("modality", ["image", "audio", "pointcloud", "video", "av"])
def test_every_modality_gets_a_table(run, bundle, media, modality):
    outcome = run("classify", media[modality])
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(str(media[modality]))
    assert f"{modality} (" in "".join(outcome.stdout.splitlines()[:2])
    # Shares of the streams take lines of their own.
    assert len(outcome.stdout.splitlines()) <= (17 if modality == "av" else 16)
    assert "cross-attend" in outcome.stdout
    assert ("not sure, perhaps " in outcome.stdout) == (modality != "audio")


def test_all_modalities_in_one_call(run, bundle, media):
    outcome = run("classify", *media.values(), "--format", "jsonl")
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [r["path"] for r in records] == [str(p) for p in media.values()]
    assert [r["modality"] for r in records] == list(media)
    assert all(r["status"] == "ok" and len(r["predictions"]) == 5 for r in records)
    assert all(len(r["attention"]["cross_attends"]) == 2 for r in records)


def test_many_inputs_get_a_row_each_and_a_summary(run, bundle, media):
    outcome = run("classify", *media.values())
    assert len(outcome.stdout.splitlines()) == 1 + len(media)
    assert outcome.stderr.startswith(f"perceiver: {len(media)} classified (4 unsure) in ")
    assert run("classify", "-q", *media.values()).stderr == ""


def test_an_answer_as_sure_as_asked_for(run, model, media):
    def answer(*options):
        outcome = run("classify", media["image"], "--model", model, "--jsonl", *options)
        return json.loads(outcome.stdout)["answer"]

    assert answer() is None
    assert answer("--sure", "0.4") == {
        "label": "animal",
        "level": "kind",
        "score": pytest.approx(0.5, abs=0.05),
    }


def test_some_classes_share_all_of_the_score(run, model, media):
    call = ("classify", media["image"], media["image"], "--model", model)
    outcome = run(*call, "--classes", "pet, wave", "--classes", "n02", "--jsonl")
    record = json.loads(outcome.stdout.splitlines()[0])
    assert record["among"] == ["n00", "n01", "n02", "n04"]
    assert sum(p["score"] for p in record["predictions"]) == pytest.approx(1, abs=1e-3)
    assert "scores are shared among these classes" in outcome.stderr
    outcome = run(*call, "--classes", "waves")
    assert (outcome.exit_code, outcome.stderr) == (
        2,
        "perceiver: no such class, group or kind: 'waves'; did you mean wave?\n",
    )


@pytest.mark.parametrize(
    ("value", "among"),
    [
        ("zebra, with stripes", ["n05"]),
        ("Zebra, with Stripes, cat", ["n00", "n05"]),
        ("wave,zebra, with stripes,,dog", ["n01", "n04", "n05"]),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_names_of_classes_may_contain_commas(run, bundle, model, media, value, among, named):
    options = ("--model", model) if named else ()
    outcome = run("classify", media["image"], *options, "--classes", value, "--jsonl")
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["among"] == among


def test_labels_are_read_once_to_split_names_and_to_check_them(
    run, model, media, tmp_path, monkeypatch
):
    read = []
    real = chosen_classes.read_header
    monkeypatch.setattr(chosen_classes, "read_header", lambda path: read.append(path) or real(path))
    own = tmp_path / "own.safetensors"
    own.write_bytes(model.read_bytes())
    call = ("classify", media["image"], "--model", own, "--classes", "cat, dog", "--jsonl")
    assert json.loads(run(*call).stdout)["among"] == ["n00", "n01"]
    assert read == [own]


def test_part_of_a_name_with_a_comma_is_unknown(run, model, media):
    outcome = run("classify", media["image"], "--model", model, "--classes", "cat, with stripes")
    assert outcome.exit_code == 2
    assert "no such class, group or kind: 'with stripes'" in outcome.stderr


def test_top_and_min_score(run, model, media):
    def predictions(*options):
        outcome = run("classify", media["image"], "--model", model, "--format", "json", *options)
        return json.loads(outcome.stdout)[0]["predictions"]

    everything = predictions("--top", "6")
    assert sum(p["score"] for p in everything) == pytest.approx(1, abs=1e-3)
    assert predictions("--top", "2") == everything[:2]
    least = everything[2]["score"] - 1e-3
    assert predictions("--top", "6", "--min-score", least) == everything[:3]


def test_a_path_in_place_of_a_command_is_classified(run, model, folder):
    options = ("--model", model, "--format", "labels")
    for path in ("holiday/a.jpg", "holiday", "holiday/*.jpg"):
        assert run(path, *options).stdout == run("classify", path, *options).stdout != ""
    outcome = run("holiday/none.jpg")
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("perceiver: holiday/none.jpg: no such file or command")
    assert run("clasify").stderr == "perceiver: no such command: clasify; did you mean classify?\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--qqq", "no such option: --qqq; see perceiver classify --help"),
        ("--csv", "no such option: --csv; did you mean --format csv?\n"),
        ("--labels=x", "no such option: --labels; did you mean --format labels?\n"),
        ("--tpo 3", "no such option: --tpo; did you mean --top or "),
        ("--top a", "--top must be an integer (got a)"),
        ("--top 0", "--top must be at least 1 (got 0)"),
        ("--min-score 2", "--min-score must be at most 1 (got 2)"),
        ("--sure nan", "--sure must be a number (got nan)\n"),
        ("--sure inf", "--sure must be at most 1 (got inf)\n"),
        ("--timeout nan", "--timeout must be a number (got nan)\n"),
        ("--device tpu", "--device: 'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
        ("--format", "option '--format' requires an argument; see perceiver classify --help"),
        ("--json --jsonl", "choose one format: json or jsonl"),
        ("--json --format csv", "choose one format: csv or json"),
        ("--modality smell", "no such modality: smell; use image or picture, audio or sound, "),
        (
            "-o out.xls",
            "out.xls: unknown file extension; use one of .json, .jsonl, .ndjson, .csv, ",
        ),
        ("-o out", "out: unknown file extension; use one of "),
        ("--format %q", "--format %q: unknown field %q; use %p the path as given in the call, "),
    ],
)
def test_wrong_calls_are_told_in_one_plain_line(run, words, told):
    outcome = run("classify", "a.jpg", *words.split())
    assert outcome.exit_code == 2
    (line,) = outcome.stderr.splitlines(keepends=True)
    assert line.startswith(f"perceiver: {told}")


def test_an_option_named_like_a_format_of_another_command(run):
    told = "perceiver: no such option: --{}; see perceiver inspect --help\n"
    assert run("inspect", "a.jpg", "--csv").stderr == told.format("csv")
    assert run("inspect", "a.jpg", "--json").stderr == (
        "perceiver: no such option: --json; did you mean --format json?\n"
    )


def test_a_missing_argument_and_one_too_many(run):
    assert run("train").stderr == "perceiver: DIR is missing; see perceiver train --help\n"
    assert run("explain", "a", "b", "-o", "c.png").stderr == (
        "perceiver: unexpected argument: b; see perceiver explain --help\n"
    )


def test_short_names_of_formats(run, model, media):
    call = ("classify", media["image"], "--model", model)
    assert json.loads(run(*call, "--jsonl").stdout)["path"] == str(media["image"])
    assert json.loads(run(*call, "--json").stdout)[0]["path"] == str(media["image"])


def test_a_template_gives_a_line_an_input(run, model, folder):
    shutil.copy(folder / "a.jpg", folder / "line\n.jpg")
    paths = ("holiday/a.jpg", "holiday/line\n.jpg", "holiday/notes.txt")
    call = ("classify", *paths, "--model", model)
    record = json.loads(run(*call, "--jsonl").stdout.splitlines()[0])
    best = record["predictions"][0]
    outcome = run(*call, "--format", r"%p\t%n %l %i %s %c %m %w 100%%")
    first, second = outcome.stdout.splitlines()
    assert first == (
        f"holiday/a.jpg\ta.jpg {best['label']} {best['id']} {score_in_words(best['score'])} "
        "unsure image tiny-image 100%"
    )
    assert second.startswith(r"holiday/line\n.jpg")


def test_the_last_line_names_the_output(run, model, folder):
    outcome = run("classify", "holiday/a.jpg", "--model", model, "-o", "out.csv")
    assert outcome.stderr == "perceiver: written to out.csv\n"
    assert run("classify", "holiday/a.jpg", "--model", model, "-q", "-o", "out.csv").stderr == ""


def test_attention_can_be_left_out(run, model, media):
    call = ("classify", media["image"], "--model", model)
    assert "cross-attend" not in run(*call, "--no-attention").stdout
    record = json.loads(run(*call, "--no-attention", "--format", "jsonl").stdout)
    assert record["attention"] is None


def test_standard_input(run, model, media):
    outcome = run(
        "classify", "-", "--model", model, "--format", "jsonl", input=media["image"].read_bytes()
    )
    assert json.loads(outcome.stdout)["path"] == "-"
    assert "standard input" in run("classify", "-", "--model", model, input=b"").stderr


def test_a_folder_passes_over_what_is_not_media(run, model, folder):
    outcome = run("classify", "holiday", "--format", "labels", "--model", model)
    assert outcome.exit_code == 0
    assert [line.split("\t")[0] for line in outcome.stdout.splitlines()] == ["holiday/a.jpg"]
    assert "passed over 1 file" in outcome.stderr
    outcome = run("classify", "-r", "holiday", "--format", "labels", "--model", model)
    assert [line.split("\t")[0] for line in outcome.stdout.splitlines()] == [
        "holiday/a.jpg",
        "holiday/sub/b.png",
    ]


def test_a_folder_does_not_pass_over_media_that_are_not_read(run, bundle, folder):
    (folder / "part.step").write_text("ISO-10303-21;\nHEADER;\n")
    (folder / "labels.csv").write_text("name,label\na.jpg,cat\nb.jpg,dog\n")
    outcome = run("classify", "holiday")
    assert outcome.exit_code == 1
    assert "part.step: looks like a STEP model" in outcome.stderr
    assert "labels.csv" not in outcome.stderr


def test_an_input_is_not_replaced(run, bundle, folder):
    before = (folder / "a.jpg").read_bytes()
    for call in (
        ("classify", "holiday/a.jpg", "-o", "holiday/../holiday/a.jpg", "--format", "json"),
        ("explain", "holiday/a.jpg", "-o", "holiday/a.jpg"),
    ):
        outcome = run(*call)
        assert outcome.exit_code == 2
        assert "is an input, which the output would overwrite" in outcome.stderr
    assert (folder / "a.jpg").read_bytes() == before


def test_classes_without_a_name_are_refused(run, bundle, folder):
    outcome = run("classify", "holiday", "--classes", " ,")
    assert outcome.exit_code == 2
    assert outcome.stderr == "perceiver: --classes does not name any class\n"


def test_media_in_a_folder_of_other_kinds_are_passed_over_too(run, bundle, folder):
    outcome = run("classify", "holiday", "--modality", "audio")
    assert outcome.exit_code == 0
    assert "passed over 2 files that are not of the requested kind" in outcome.stderr


def test_verbose_gives_the_librarys_own_words(run, bundle, media, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(media["image"].read_bytes()[:300])
    call = ("classify", tmp_path / "cut.jpg")
    (plain,) = run(*call).stderr.splitlines()
    told = run(*call, "-v").stderr.splitlines()
    assert plain in told
    assert told[told.index(plain) + 1].startswith("perceiver:   OSError: ")


def test_a_name_cannot_turn_the_direction_of_text(run, bundle, media, tmp_path):
    name = tmp_path / "a\u202egpj.exe"
    name.write_bytes(media["image"].read_bytes())
    for options in ((), ("--format", "labels")):
        outcome = run("classify", name, media["image"], "missing\u202e", *options)
        assert "a\\u202egpj.exe" in outcome.stdout.replace("\n", "")
        assert "\u202e" not in outcome.stdout + outcome.stderr


def test_verbose_names_what_was_passed_over(run, bundle, folder):
    outcome = run("classify", "-v", "holiday")
    assert "passed over holiday/notes.txt: " in outcome.stderr
    assert "passed over 1 file that is not media\n" in outcome.stderr


def test_empty_files_in_a_folder_are_passed_over_but_not_silent_sounds(run, bundle, folder):
    (folder / "nothing.jpg").touch()
    make_sound(folder / "no samples.wav", 0)
    outcome = run("classify", "holiday")
    assert outcome.exit_code == 1
    assert "no samples.wav: the file contains no sound" in outcome.stderr
    assert "passed over 2 files that are not media" in outcome.stderr
    assert "nothing.jpg" not in outcome.stderr
    assert run("classify", "holiday/nothing.jpg").exit_code == 1


def test_one_bad_link_costs_one_line(run, bundle, folder):
    (folder / "b link.jpg").symlink_to("b link.jpg")
    outcome = run("classify", "-r", "holiday", "--format", "jsonl")
    assert outcome.exit_code == 1
    assert outcome.stderr.count("b link.jpg") == 1
    good = run("classify", "-r", "holiday", "--format", "jsonl", "--exclude", "b link.jpg")
    assert len(outcome.stdout.splitlines()) == len(good.stdout.splitlines()) + 1


def test_a_folder_of_folders_points_at_recursion(run, bundle, folder):
    (folder / "deep" / "deeper").mkdir(parents=True)
    outcome = run("classify", "holiday/deep")
    told = "perceiver: holiday/deep contains only folders; use -r to include them\n"
    assert outcome.stderr.endswith(told)
    outcome = run("classify", "holiday/deep", "holiday/a.jpg")
    assert outcome.stderr.count(told) == 1
    assert "only folders" not in run("classify", "-r", "holiday/deep").stderr


def test_an_empty_folder_is_said_to_be_empty(run, model, folder):
    (folder / "empty").mkdir()
    outcome = run("classify", "holiday/empty", "--model", model)
    assert outcome.exit_code == 0
    assert outcome.stdout == ""
    told = "perceiver: holiday/empty contains no files to classify\n"
    assert outcome.stderr == f"perceiver: nothing to classify\n{told}"
    outcome = run("classify", "holiday/empty", "holiday/a.jpg", "holiday", "--model", model)
    assert outcome.stderr.count(told) == 1
    assert outcome.stderr.count("no files to classify") == 1
    assert run("classify", "holiday/empty", "--model", model, "-q").stderr == ""


def test_an_empty_name_is_in_quotes(run, model):
    outcome = run("classify", "", "--model", model)
    assert outcome.exit_code == 1
    assert outcome.stderr == "perceiver: '': no such file\n"


def test_the_summary_counts_what_has_no_signal(run, bundle, media, tmp_path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(20_000), 8000)
    outcome = run("classify", media["image"], tmp_path / "silent.wav")
    assert "perceiver: 2 classified (1 unsure, 1 without a signal) in " in outcome.stderr


def test_the_summary_counts_files_whose_model_knows_none_of_the_classes(run, media):
    outcome = run("classify", media["image"], media["pointcloud"], "--classes", "chair")
    told = "perceiver: 2 classified (1 by a model that knows none of the requested classes) in "
    assert told in outcome.stderr


def test_failures_are_told_and_the_others_classified(run, model, folder):
    whole = (folder / "a.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    names = ["cut.jpg", "empty.png", "notes.txt", "missing.jpg", "sub", "a.jpg"]
    paths = [f"holiday/{name}" for name in names]
    outcome = run("classify", *paths, "--model", model, "--format", "jsonl", "-q")
    assert outcome.exit_code == 1
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [(r["error"] or {}).get("kind") for r in records] == [
        "corrupt",
        "empty",
        "unsupported",
        "unreadable",
        None,
        None,
    ]
    told = outcome.stderr.splitlines()
    assert len(told) == 4
    for line, record in zip(told, records, strict=False):
        assert line == f"perceiver: {record['path']}: {record['error']['message']}"


@pytest.mark.parametrize("form", ["table", "labels"])
def test_failures_stay_out_of_tables_and_labels_of_one(run, model, folder, form):
    outcome = run("classify", "holiday/notes.txt", "--model", model, "--format", form)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("perceiver: holiday/notes.txt: ")


def test_a_wrong_extension_does_not_mislead(run, model, folder):
    shutil.copy(folder / "a.jpg", folder / "song.mp3")
    outcome = run("classify", "holiday/song.mp3", "--model", model)
    assert outcome.exit_code == 0
    assert "image (JPEG header)" in outcome.stdout


def test_fail_fast_stops_at_the_first_failure(run, model, folder):
    paths = ["holiday/a.jpg", "holiday/notes.txt", "holiday/sub/b.png"]
    outcome = run("classify", *paths, "--model", model, "--format", "jsonl", "--fail-fast")
    assert outcome.exit_code == 1
    assert [json.loads(line)["status"] for line in outcome.stdout.splitlines()] == ["ok", "error"]


def test_lists_of_files(run, model, folder):
    names = b"holiday/a.jpg\0holiday/sub/b.png\0"
    call = ("classify", "--files-from", "-", "-0", "--model", model, "--format", "labels")
    assert len(run(*call, input=names).stdout.splitlines()) == 2


@pytest.mark.parametrize("listed", ["-", "names"])
def test_a_list_of_nul_bytes_without_the_option_is_one_line(run, model, folder, listed):
    names = b"holiday/a.jpg\0holiday/sub/b.png\0"
    Path("names").write_bytes(names)
    outcome = run("classify", "--files-from", listed, "--model", model, input=names)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "perceiver: --files-from: the list contains NUL bytes; use -0 if they separate the names\n"
    )


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="there is no /proc/cpuinfo")
def test_a_text_that_states_no_size_is_a_text(run, bundle):
    outcome = run("classify", "/proc/cpuinfo")
    assert outcome.exit_code == 1
    assert "perceiver: /proc/cpuinfo: looks like plain text; " in outcome.stderr


def test_awkward_names(run, model, folder):
    names = ["[bold]red.jpg", "a, b\n\x1b[31m.jpg", os.fsdecode(b"caf\xe9.jpg"), "né 日本.jpg"]
    for name in names:
        shutil.copy(folder / "a.jpg", folder / name)
    paths = sorted(f"holiday/{name}" for name in names)
    for form in ("table", "labels", "csv"):
        assert run("classify", *paths, "--model", model, "--format", form).exit_code == 0
    outcome = run("classify", *paths, "--model", model, "--format", "json")
    assert [r["path"] for r in json.loads(outcome.stdout)] == paths
    for path in paths:
        assert run("classify", path, "--model", model).exit_code == 0
    assert run("classify", paths[0], "--model", model).stdout.startswith("holiday/[bold]red.jpg ")


def test_csv(run, model, folder):
    paths = ["holiday/a.jpg", "holiday/notes.txt"]
    outcome = run("classify", *paths, "--model", model, "--format", "csv")
    good, bad = csv.DictReader(io.StringIO(outcome.stdout, newline=""))
    assert (good["status"], good["model"], good["confident"]) == ("ok", "tiny-image", "false")
    assert bad["error_kind"] == "unsupported"
    record = json.loads(run("classify", paths[0], "--model", model, "--jsonl").stdout)
    for rank, prediction in enumerate(record["predictions"][1:], 2):
        assert good[f"label_{rank}"] == prediction["label"]
        assert float(good[f"score_{rank}"]) == prediction["score"]
    assert f"label_{rank + 1}" not in good
    assert bad["label_2"] == ""


def test_output_appears_when_complete(run, model, folder):
    outcome = run("classify", "-r", "holiday", "--model", model, "-o", "labels.csv")
    assert outcome.stdout == ""
    assert Path("labels.csv").read_text().startswith("path,status,")
    assert sorted(os.listdir()) == ["holiday", "labels.csv"]


def test_an_output_that_fails_leaves_the_old_one(run, model, folder):
    Path("old.json").write_text("old")
    bad = Path("bad.safetensors")
    bad.write_bytes(model.read_bytes()[:-100])
    outcome = run("classify", "holiday/a.jpg", "--model", bad, "-o", "old.json")
    assert outcome.exit_code == 3
    assert Path("old.json").read_text() == "old"
    assert sorted(os.listdir()) == ["bad.safetensors", "holiday", "old.json"]


def test_an_output_through_a_link_keeps_the_link(run, model, folder):
    Path("link.json").symlink_to("real.json")
    run("classify", "holiday/a.jpg", "--model", model, "-o", "link.json")
    assert Path("link.json").is_symlink()
    assert json.loads(Path("real.json").read_text())[0]["status"] == "ok"


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("a.jpg", "--frobnicate"),
        ("a.jpg", "--top", "0"),
        ("a.jpg", "--format", "xml"),
        ("a.jpg", "--model", "no-such-model"),
        ("a.jpg", "-0"),
        ("a.jpg", "-o", "no/such/folder/x.csv"),
        ("a.jpg", "--modality", "smell"),
    ],
)
def test_wrong_usage_is_exit_code_2(run, bundle, options):
    outcome = run("classify", *options)
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert outcome.stderr


def test_weights_that_are_missing_or_corrupt_are_exit_code_3(run, weights, media, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights["image"].read_bytes()[:-100])
    for path in (cut, tmp_path / "missing.safetensors"):
        outcome = run("classify", media["image"], "--model", path)
        assert outcome.exit_code == 3
        assert outcome.stderr.startswith(f"perceiver: {path}: ")
        assert len(outcome.stderr.splitlines()) == 1


def test_a_name_that_begins_with_a_dash(run, bundle, folder):
    shutil.copy(folder / "a.jpg", "-dash.jpg")
    outcome = run("--", "-dash.jpg")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("-dash.jpg  image")
    for call in (("-dash.jpg",), ("classify", "-dash.jpg")):
        outcome = run(*call)
        assert outcome.exit_code == 2
        assert outcome.stderr == (
            "perceiver: no such option: -d; did you mean the file ./-dash.jpg?\n"
        )


@pytest.mark.parametrize(
    "call",
    [
        ("classify", "holiday/a.jpg", "-o", "o/x.json"),
        ("classify", "holiday/a.jpg", "--report", "o/x.html"),
        ("explain", "holiday/a.jpg", "-o", "o/x.png"),
        ("train", "holiday", "-m", "image", "--steps", "1", "-o", "o/x.safetensors"),
        ("models", "convert", "holiday", "-o", "o/x.safetensors"),
    ],
)
def test_an_output_needs_its_folder(run, bundle, folder, call):
    outcome = run(*call)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: cannot write {call[-1]}: no such folder\n"
    assert os.listdir() == ["holiday"]


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EACCES, "no permission"), (errno.EROFS, "the file system is read-only")],
)
@pytest.mark.parametrize(
    "call", [("-o", "x.json"), ("--report", "x.html"), ("--explain", "holiday")]
)
def test_why_a_folder_takes_no_file_is_said_before_the_work(
    run, bundle, folder, monkeypatch, number, reason, call
):
    def refuse(**_):
        raise OSError(number, os.strerror(number), "tmp123")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    outcome = run("classify", "holiday/a.jpg", *call)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == f"perceiver: cannot write {call[-1]}: {reason}\n"


def test_a_folder_is_no_list(run, bundle, folder):
    outcome = run("classify", "--files-from", "holiday")
    assert outcome.exit_code == 2
    assert outcome.stderr == ("perceiver: --files-from holiday: is a folder, not a list of names\n")


def test_archives_are_named_where_they_could_be_read(run, bundle, folder):
    (folder / "broken.zip").write_bytes(b"PK\3\4" + bytes(40))
    for options in ((), ("--archives",)):
        outcome = run("classify", "holiday", *options)
        assert outcome.exit_code == len(options)
        assert ("use --archives to include them" in outcome.stderr) == (not options)
