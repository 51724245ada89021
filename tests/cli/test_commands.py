import importlib
import json
import os
import re
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.samples import make_picture, make_sound


def test_inspect_shows_the_byte_array(run, bundle, media):
    outcome = run("inspect", media["av"])
    assert outcome.exit_code == 0
    assert "av (MP4 with pictures and sound): 96x64" in outcome.stdout
    assert "read by tiny-av: the square x 16-80, y 0-64; 1 window of 1 s from 0.0 s" in (
        outcome.stdout
    )
    assert "M = 132 elements x C = 112\nM = 32 video + 100 audio" in outcome.stdout
    assert re.search(r"audio +18-25 +sin, cos of position +-1\.00 ", outcome.stdout)
    assert max(map(len, outcome.stdout.splitlines()[1:])) <= 80


@pytest.mark.parametrize("modality", ["image", "audio", "pointcloud", "video", "av"])
def test_inspect_as_json(run, bundle, media, modality):
    record = json.loads(run("inspect", media[modality], "--format", "json").stdout)
    assert record["modality"] == modality
    array = record["byte_array"]
    assert array["elements"] == sum(array["streams"].values())
    widths = [
        sum(group["count"] for group in array["groups"] if group["stream"] == stream)
        for stream in array["streams"]
    ]
    assert max(widths) <= array["channels"]
    assert all(g["min"] <= g["mean"] <= g["max"] for g in array["groups"])
    assert record["windows"]


def test_inspect_agrees_with_classify(run, bundle, media):
    seen = json.loads(run("inspect", media["audio"], "--format", "json").stdout)
    result = json.loads(run("classify", media["audio"], "--format", "jsonl").stdout)
    assert result["byte_array"].items() <= seen["byte_array"].items()
    for key in ("path", "modality", "detected_by", "model", "input"):
        assert result[key] == seen[key]


def test_inspect_of_what_is_not_media(run, bundle, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("just words\n")
    outcome = run("inspect", path)
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"perceiver: {path}: ")


def test_models_list(run, bundle):
    lines = run("models", "list").stdout.splitlines()
    assert len(lines) == 5
    assert " ".join(lines[2].split()) == "tiny-av av 6 0.1 M 0.1 MB 12.5% video, av"
    records = json.loads(run("models", "list", "--format", "json").stdout)
    assert [r["default_for"] for r in records] == [
        ["audio"],
        ["video", "av"],
        ["image"],
        ["pointcloud"],
    ]


@pytest.mark.parametrize("columns", [30, 40, 50, 60, 70])
def test_names_and_accuracy_stay_on_narrow_terminals(run, bundle, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    heading, *lines = run("models", "list").stdout.splitlines()
    assert heading.split()[0] == "name"
    assert [line.split()[0] for line in lines] == [
        "tiny-audio",
        "tiny-av",
        "tiny-image",
        "tiny-pointcloud",
    ]
    assert all("12.5%" in line and len(line) <= columns for line in lines)


@pytest.mark.parametrize("modality", ["image", "av"])
def test_inspect_breaks_no_word_at_thirty_columns(run, bundle, media, monkeypatch, modality):
    monkeypatch.setenv("COLUMNS", "30")
    narrow = run("inspect", media[modality]).stdout
    assert max(map(len, narrow.splitlines())) <= 30
    monkeypatch.delenv("COLUMNS")
    table = narrow[narrow.index("Byte array") :]
    assert set(table.split()) <= set(run("inspect", media[modality]).stdout.split())


def test_models_info(run, bundle, weights):
    for name in ("tiny-image", weights["image"]):
        outcome = run("models", "info", name)
        assert outcome.exit_code == 0
        for words in (
            "zebra, with stripes",
            "CC0",
            "top-1 12.5%",
            "patch 4",
            "pet (2)",
            "animal (3)",
        ):
            assert words in outcome.stdout
    record = json.loads(run("models", "info", "tiny-image", "--format", "json").stdout)
    label = {"id": "n01", "label": "dog", "group": "pet", "kind": "animal"}
    assert record["labels"][1] == label
    assert run("models", "info", "tiny-imag").exit_code == 2


def test_only_the_path_of_models_info_is_longer_than_a_line(run, weights, tmp_path):
    copy = shutil.copy(weights["image"], tmp_path / f"{'long' * 20}.safetensors")
    lines = run("models", "info", copy).stdout.splitlines()
    (path,) = (line for line in lines[1:] if len(line) > 80)
    assert path.split() == ["file", str(copy)]


def test_a_broken_file_of_defaults_is_named_and_written_anew(run, bundle, own_home, media):
    from perceiver_cli.checkpoints import registry

    broken = own_home / "defaults.json"
    broken.write_text("{")
    registry.defaults.cache_clear()
    outcome = run("classify", media["image"])
    assert outcome.exit_code == 3
    assert outcome.stderr.startswith(f"perceiver: {broken}: cannot be read; `perceiver models")
    outcome = run("models", "default", "picture", "tiny-image")
    assert outcome.exit_code == 0
    assert str(broken) in outcome.stderr
    assert json.loads(broken.read_text()) == {"image": "tiny-image"}
    assert run("models", "default", "sound", "tiny-audio").stderr == ""
    registry.defaults.cache_clear()
    assert run("classify", media["image"], "-q").exit_code == 0


def test_models_verify(run, bundle, weights, tmp_path):
    outcome = run("models", "verify")
    assert outcome.exit_code == 0
    assert len(re.findall(r"^ok +tiny-\w+\.safetensors +[0-9a-f]{64}$", outcome.stdout, re.M)) == 4
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights["audio"].read_bytes()[:-2])
    outcome = run("models", "verify", weights["audio"], cut)
    assert outcome.exit_code == 3
    assert f"FAILED  {cut}: " in outcome.stdout


def test_a_default_without_its_file_is_exit_code_3(run, bundle, media, tmp_path, monkeypatch):
    from perceiver_cli.checkpoints import registry

    monkeypatch.setattr(registry, "bundled_folder", lambda: tmp_path)
    monkeypatch.setattr(registry, "bundled_defaults", lambda: {"image": "gone"})
    registry.defaults.cache_clear()
    for call in (("classify", media["image"]), ("models", "verify"), ("models", "list")):
        assert run(*call).exit_code == 3
    outcome = run("doctor")
    assert outcome.exit_code == 3
    assert "FAILED" in outcome.stdout
    assert "Versions" in outcome.stdout


def test_doctor(run, bundle):
    outcome = run("doctor")
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    for words in ("python", "torch", "auto takes", "ffmpeg", "libsndfile", "WebP", "tiny-av"):
        assert words in outcome.stdout
    for precision in ("float32", "bfloat16", "int8"):
        assert re.search(rf"{precision} +(native|emulated)", outcome.stdout)


def test_doctor_names_every_package_that_is_needed():
    from perceiver_cli.cli import environment

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    needed = tomllib.loads(text)["project"]["dependencies"]
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in needed]
    assert sorted(name for name, _ in environment.versions()) == sorted(
        ["python", "perceiver-cli", *names]
    )


def test_doctor_folds_lines_only_where_they_have_to_fit(run, bundle, monkeypatch):
    from perceiver_cli.cli import environment

    codecs = ", ".join(f"codec number {number}" for number in range(40))
    monkeypatch.setattr(environment, "codecs", lambda: [("pictures", codecs)])
    assert f"  pictures    {codecs}\n" in run("doctor").stdout
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, run("doctor").stdout.splitlines())) <= 60


def test_demo_classifies_every_sample(run, bundle, tmp_path, monkeypatch):
    make_picture(tmp_path / "picture.jpg")
    make_sound(tmp_path / "sound.wav")
    (tmp_path / "README.md").write_text("where they are from")
    monkeypatch.setattr(importlib.import_module("perceiver_cli.cli.demo"), "SAMPLES", tmp_path)
    outcome = run("demo")
    assert outcome.exit_code == 0
    first_words = [line.split()[0] for line in outcome.stdout.splitlines() if line]
    assert [word for word in first_words if word.endswith((".jpg", ".wav", ".md"))] == [
        "picture.jpg",
        "sound.wav",
    ]


def test_demo_without_samples_fails(run, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("perceiver_cli.cli.demo"), "SAMPLES", tmp_path)
    assert run("demo").exit_code == 1


@pytest.mark.parametrize(
    "command",
    [
        "classify",
        "explain",
        "report",
        "inspect",
        "demo",
        "doctor",
        "train",
        "evaluate",
        "models",
        "models info",
    ],
)
def test_every_command_has_help(run, command):
    outcome = run(*command.split(), "-h")
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("Usage: ")
    assert max(map(len, outcome.stdout.splitlines())) <= 80
    assert outcome.stdout == run(*command.split(), "--help").stdout


def test_the_first_page_names_every_command(run):
    page = run("--help").stdout
    known = "classify explain report inspect demo train evaluate models doctor"
    for command in known.split():
        assert re.search(rf"^  {command} ", page, re.M)


@pytest.mark.parametrize(
    "call", [("models", "list"), ("models", "info", "x"), ("inspect", "x"), ("evaluate", "x")]
)
@pytest.mark.parametrize("name", ["xml", "csv"])
def test_formats_that_a_command_does_not_write(run, bundle, call, name):
    outcome = run(*call, "--format", name)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: --format {name}: this command supports table and json\n"


def test_a_home_that_cannot_be_written_is_named(run, bundle, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PERCEIVER_HOME", str(tmp_path / "file" / "home"))
    outcome = run("models", "default", "image", "tiny-image")
    assert outcome.exit_code == 2
    (line,) = outcome.stderr.splitlines()
    assert line.startswith(f"perceiver: cannot write {tmp_path / 'file' / 'home'}")
    assert "PERCEIVER_HOME" in line


@pytest.mark.skipif(os.name != "posix", reason="Windows does not distinguish it from a missing one")
def test_a_home_that_is_a_file_is_named(run, bundle, media, tmp_path, monkeypatch):
    from perceiver_cli.checkpoints import registry

    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("PERCEIVER_HOME", str(file))
    registry.defaults.cache_clear()
    outcome = run("classify", media["image"])
    assert outcome.exit_code == 3
    assert outcome.stderr == f"perceiver: {file}: not a folder; PERCEIVER_HOME sets it\n"


@pytest.mark.parametrize("command", ["classify", "explain"])
def test_weights_with_nan_are_damaged(run, weights, media, tmp_path, command):
    from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint

    whole = load_checkpoint(weights["audio"])
    tensors = {name: tensor.clone() for name, tensor in whole.tensors.items()}
    next(t for name, t in tensors.items() if name.endswith("qkv.weight"))[0, 0] = float("nan")
    path = tmp_path / "nan.safetensors"
    save_checkpoint(path, replace(whole, tensors=tensors))
    outputs = ("-o", tmp_path / "seen.png") if command == "explain" else ()
    outcome = run(command, media["audio"], "--model", path, *outputs)
    assert outcome.exit_code == 3
    assert outcome.stderr == (
        f"perceiver: {path}: its weights are damaged: the scores are not finite\n"
    )
    assert outcome.stdout == ""
