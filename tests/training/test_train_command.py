"""From labelled folders to answers, through the commands a user types."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import trimesh
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from perceiver_cli.checkpoints.card import add_to_card
from perceiver_cli.checkpoints.format import load_checkpoint, read_header
from tests.samples import make_av
from tests.training.test_distillation import write_teacher

TINY = ["--set", "model.latents=8", "--set", "model.width=16", "--set", "model.layers=1"]


def picture(path, kind, rng):
    """Red ones and blue ones."""
    pixels = rng.integers(0, 80, (40, 40, 3), dtype=np.uint8)
    pixels[..., 0 if kind == "red" else 2] += 150
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def sound(path, kind, rng):
    """Low hums and high whistles."""
    t = np.arange(16000) / 16000
    pitch = (200 if kind == "hum" else 3000) * rng.uniform(0.9, 1.1)
    tone = 0.3 * np.sin(2 * np.pi * pitch * t) + 0.01 * rng.normal(size=16000)
    soundfile.write(path.with_suffix(".wav"), tone, 16000)


def shape(path, kind, rng):
    """Balls and rods."""
    extents = (1, 1, 1) if kind == "cube" else (0.05, 0.05, 1)
    mesh = trimesh.creation.box(np.array(extents) * rng.uniform(0.8, 1.2))
    mesh.export(path.with_suffix(".ply"))


def clip(path, kind, rng):
    """With sound and without."""
    make_av(path.with_suffix(".mp4"), seconds=1.0, sound="aac" if kind == "loud" else None)


MAKERS = {
    "image": (picture, ("red", "blue"), ["--set", "input.size=16"]),
    "audio": (sound, ("hum", "whistle"), ["--set", "input.window_s=0.4"]),
    "pointcloud": (shape, ("cube", "rod"), ["--set", "input.points=64"]),
    "av": (clip, ("loud", "quiet"), ["--set", "input.size=16", "--set", "input.frames=4"]),
}


def make_folder(place, maker, kinds, counts):
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        for kind in kinds:
            folder = place / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                maker(folder / str(number), kind, rng)
    return place


@pytest.mark.parametrize("modality", MAKERS)
def test_train_evaluate_classify(modality, tmp_path, run):
    maker, kinds, settings = MAKERS[modality]
    counts = {"train": 8, "val": 3} if modality != "av" else {"train": 4, "val": 1}
    data = make_folder(tmp_path / "data", maker, kinds, counts)
    weights = tmp_path / "own.safetensors"
    steps = 60 if modality != "av" else 4
    budget = ["--steps", steps, "--batch-size", 8, "--rate", "0.01", "--mixup", "0"]
    outcome = run("train", data, "-m", modality, "-o", weights, *budget, *TINY, *settings)
    assert outcome.exit_code == 0, outcome.stderr
    assert weights.is_file()

    outcome = run("evaluate", data, "--model", weights, "--format", "json", "--record", "val")
    assert f"perceiver: wrote {weights}\n" in outcome.stderr
    measured = json.loads(outcome.stdout)
    assert measured["items"] == counts["val"] * 2
    assert measured["failed"] == 0
    assert [entry["id"] for entry in measured["classes"]] == sorted(kinds)
    assert np.trace(measured["confusion"]) == round(measured["top1"] * measured["items"])
    if modality != "av":
        assert measured["top1"] == 1.0

    info = json.loads(run("models", "info", weights, "--format", "json").stdout)
    assert info["card"]["measured"]["val"]["top1"] == measured["top1"]
    assert info["card"]["steps"] == steps
    streams = set(info["stream_temperatures"])
    assert streams == ({"video"} if modality == "av" else set())
    assert set(read_header(weights).familiar["streams"]) == {"", *streams}

    one = next(path for path in sorted((data / "val" / kinds[0]).iterdir()))
    answer = json.loads(run("classify", one, "--model", weights, "--format", "jsonl").stdout)
    assert answer["status"] == "ok"
    assert answer["model"] == "own"
    assert answer["familiar"] in (True, False)
    if modality != "av":
        assert answer["predictions"][0]["id"] == kinds[0]


def test_refitting_leaves_the_weights_and_takes_groups(tmp_path, run):
    data = make_folder(tmp_path / "data", picture, ("red", "blue"), {"train": 8})
    weights = tmp_path / "own.safetensors"
    budget = ["--steps", 2, "--batch-size", 4, *TINY, "--set", "input.size=16"]
    run("train", data, "-m", "image", "-o", weights, *budget)
    before = load_file(weights)
    (data / "labels.tsv").write_text("red\tred\t\tcolour\nblue\tblue\t\tcolour\n")
    refit = ("train", data, "-o", weights, "--refit-familiar", "--hold-out", "0.5")
    outcome = run(*refit)
    assert outcome.exit_code == 0, outcome.stderr
    after = load_file(weights)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    header = read_header(weights)
    assert [label.kind for label in header.labels] == ["colour", "colour"]
    assert set(header.level_temperatures) == {"kind"}
    assert header.card["measured"]["held-out training files"]["items"] == 8
    assert header.temperature != 1.5
    assert run(*refit, "--temperature", 1.5).exit_code == 0
    assert read_header(weights).temperature == 1.5
    answer = json.loads(
        run("classify", data / "train" / "red" / "0.png", "--model", weights, "--jsonl").stdout
    )["answer"]
    assert answer["label"] in ("colour", "red", "blue")
    (data / "train" / "green").mkdir()
    (data / "train" / "green" / "0.png").write_bytes(b"")
    outcome = run("train", data, "-o", weights, "--refit-familiar")
    assert (outcome.exit_code, outcome.stderr) == (
        2,
        f"perceiver: {data} and own have different classes\n",
    )


def test_refitting_changes_how_files_are_read(tmp_path, run):
    data = make_folder(tmp_path / "data", picture, ("red", "blue"), {"train": 8})
    weights = tmp_path / "own.safetensors"
    budget = ["--steps", 2, "--batch-size", 4, *TINY, "--set", "input.size=16"]
    run("train", data, "-m", "image", "-o", weights, *budget)
    refit = ("train", data, "-o", weights, "--refit-familiar", "--set")
    outcome = run(*refit, "input.jpeg=75", "--set", "input.crop=0.9")
    assert outcome.exit_code == 0, outcome.stderr
    recipe = read_header(weights).recipe
    assert (recipe["jpeg"], recipe["crop"], recipe["size"]) == (75, 0.9, 16)
    for setting, words in {
        "model.latents=4": "model.latents cannot be set",
        "input.patch=2": "the model expects different channels",
        "input.round_up=true": "jpeg and round_up exclude each other",
        "patch=2": "use input.NAME or model.NAME",
        "input.jpeg=99": "jpeg",
    }.items():
        outcome = run(*refit, setting)
        assert outcome.exit_code == 2
        assert words in outcome.stderr
    assert read_header(weights).recipe == recipe


@pytest.fixture
def pictures(tmp_path):
    return make_folder(tmp_path / "data", picture, ("red", "blue"), {"train": 6})


def test_own_classes_from_given_weights(pictures, tmp_path, run, weights):
    target = tmp_path / "own.safetensors"
    begin = ["--from", weights["image"], "--steps", 2, "--batch-size", 4]
    outcome = run("train", pictures, "-m", "image", "-o", target, *begin)
    assert outcome.exit_code == 0, outcome.stderr
    info = json.loads(run("models", "info", target, "--format", "json").stdout)
    assert info["recipe"]["size"] == 16
    assert info["model"]["latents"] == 8
    assert [label["id"] for label in info["labels"]] == ["blue", "red"]
    assert info["card"]["from"]["name"] == load_checkpoint(weights["image"]).header.name


def test_the_weights_that_a_training_starts_from_are_not_replaced(pictures, tmp_path, run, weights):
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights["image"].read_bytes())
    (tmp_path / "link.safetensors").symlink_to(own)
    before = own.read_bytes()
    for output in (own, tmp_path / "link.safetensors"):
        outcome = train(run, pictures, output, "--from", own)
        assert outcome.exit_code == 2
        line = f"perceiver: {output} is an input, which the output would overwrite\n"
        assert outcome.stderr == line
    assert own.read_bytes() == before


def test_a_teacher_of_pictures_may_have_features_that_are_not_read(pictures, tmp_path, run):
    lines = [f"{name}/{number}.png" for name in ("blue", "red") for number in range(6)]
    teacher = write_teacher(tmp_path / "teacher", lines, np.zeros((12, 2, 1, 1)))
    np.save(teacher / "features.npy", np.ones((12, 5, 1, 1)))
    call = ("train", pictures, "-m", "image", "-o", tmp_path / "own.safetensors")
    budget = ["--steps", 2, "--batch-size", 4, *TINY, "--set", "input.size=16"]
    outcome = run(*call, "--teacher", teacher, *budget)
    assert outcome.exit_code == 0, outcome.stderr


def test_another_modality_gives_its_latent_transformers(pictures, tmp_path, run, weights):
    data = make_folder(tmp_path / "sounds", sound, ("hum", "whistle"), {"train": 4})
    target = tmp_path / "own.safetensors"
    begin = ["--from", weights["image"], "--steps", 1, "--rate", 0, "--batch-size", 2]
    outcome = run("train", data, "-m", "audio", "-o", target, *begin)
    assert outcome.exit_code == 0, outcome.stderr
    start, own = load_checkpoint(weights["image"]), load_checkpoint(target)
    assert own.header.recipe["modality"] == "audio"
    assert own.header.model.latents == start.header.model.latents
    inner = [name for name in start.tensors if name.startswith("transformers")]
    for name in inner:
        torch.testing.assert_close(own.tensors[name], start.tensors[name], atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--minutes or --steps"),
        (["--steps", 1, "--set", "model.nonsense=1"], "nonsense"),
        (["--steps", 1, "--set", "input.nonsense=1"], "nonsense"),
        (["--steps", 1, "--set", "latents=3"], "input.NAME or model.NAME"),
        (
            ["--steps", 1, "--set", "model.share_cross=some"],
            "perceiver: model setting share_cross must be none or all or but_first, not 'some'\n",
        ),
        (
            ["--steps", 1, "--set", "input.spacing=linaer"],
            "perceiver: input setting spacing must be linear or log, not 'linaer'\n",
        ),
        (
            ["--steps", 1, "--set", "input.size=1000000"],
            "perceiver: input setting size must be at least 1 and at most 4,096, not 1000000\n",
        ),
        (
            ["--steps", 1, "--set", "model.width=16384"],
            " parameters; at most 500,000,000 are trained\n",
        ),
        (["--steps", 1, "--set", "model.layers=999"], "cross_attends (2) x layers (999) must be"),
        (["--steps", 1, "--set", "model.width=30"], "self_heads (4) must divide width (30)"),
        (["--steps", 1, "--from", "no-such-model"], "no such model: no-such-model"),
        (["--steps", 1, "--rate", "nan"], "perceiver: --rate must be a number (got nan)\n"),
        (["--minutes", "inf"], "perceiver: --minutes must be a finite number (got inf)\n"),
        (["--steps", 1, "--mixup", "nan"], "perceiver: --mixup must be a number (got nan)\n"),
        (["--steps", 1, "--rate", "-1"], "perceiver: --rate must be at least 0 (got -1)"),
        (
            ["--steps", 1, "--rate", "1e300"],
            "perceiver: --rate must be at most 1 (got 1e300)\n",
        ),
        (
            ["--steps", 1, "--batch-size", 10**12],
            "perceiver: --batch-size must be at most 1000000 (got 1000000000000)\n",
        ),
        (["--steps", 1, "--decay", "-1"], "perceiver: --decay must be at least 0 (got -1)"),
        (
            ["--steps", 1, "--seed", "99999999999999999999"],
            "--seed must be at most 4294967295 (got 99999999999999999999)\n",
        ),
        (
            ["--steps", 1, "--seed", "-1"],
            "perceiver: --seed must be at least 0 (got -1)\n",
        ),
        (
            ["--steps", 1, "--threads", "100000"],
            "--threads must be at most 1024 (got 100000)\n",
        ),
    ],
)
def test_calls_that_make_no_sense(pictures, tmp_path, run, options, words):
    outcome = run("train", pictures, "-m", "image", "-o", tmp_path / "x.safetensors", *options)
    assert outcome.exit_code == 2
    assert words in outcome.stderr
    assert not (tmp_path / "x.safetensors").exists()


def train(run, data, target, *options):
    """A training of two steps on pictures."""
    budget = ["--steps", 2, "--batch-size", 4, "--set", "input.size=16"]
    return run("train", data, "-m", "picture", "-o", target, *budget, *TINY, *options)


def test_a_table_tells_which_files_are_used(pictures, tmp_path, run):
    (pictures / "train" / "red" / "notes.txt").write_text("words\n")
    half = pictures / "train" / "blue" / "half.png"
    half.write_bytes((pictures / "train" / "blue" / "0.png").read_bytes()[:60])
    outcome = train(run, pictures, tmp_path / "own.safetensors")
    assert outcome.exit_code == 0
    rows = [line.split() for line in outcome.stderr.splitlines()]
    assert rows[:3] == [
        ["class", "training", "held", "out", "passed", "over", "broken"],
        ["blue", "5", "1", "-", "1"],
        ["red", "5", "1", "1", "-"],
    ]
    assert f"broken: {half}: the PNG data is cut off or damaged\n" in outcome.stderr
    assert "passed over: " in outcome.stderr
    assert re.search(r"top-1 \d+\.\d% \(\d of 2, 95 % interval \d+", outcome.stdout)
    assert "only 2 files" in outcome.stderr

    outcome = train(run, pictures, tmp_path / "other.safetensors", "--fail-fast")
    assert outcome.exit_code == 1
    assert outcome.stderr == f"perceiver: {half}: the PNG data is cut off or damaged\n"
    assert not (tmp_path / "other.safetensors").exists()


def test_media_that_cannot_be_read_are_broken_for_every_command(pictures, tmp_path, run):
    target = tmp_path / "own.safetensors"
    raw = pictures / "train" / "red" / "photo.cr3"
    raw.write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    line = f"{raw}: looks like a Canon raw photo; export it as JPEG\n"
    outcome = train(run, pictures, target, "--fail-fast")
    assert (outcome.exit_code, outcome.stderr) == (1, f"perceiver: {line}")
    assert f"broken: {line}" in train(run, pictures, target).stderr
    call = ["evaluate", pictures, "--split", "train", "--model", target]
    (failed,) = json.loads(run(*call, "--format", "json").stdout)["failed_files"]
    assert (failed["path"], failed["kind"]) == (str(raw), "broken")
    outcome = run("classify", raw.parent, "--model", target)
    assert outcome.exit_code == 1
    assert line in outcome.stderr


def test_nothing_held_out_is_said(pictures, tmp_path, run):
    outcome = train(run, pictures, tmp_path / "own.safetensors", "--hold-out", 0)
    assert outcome.exit_code == 0
    assert "no files were held out" in outcome.stderr


def test_a_training_that_diverges_ends_with_one_line_and_keeps_its_state(pictures, tmp_path, run):
    target = tmp_path / "own.safetensors"
    assert train(run, pictures, target).exit_code == 0
    kept = [target, tmp_path / "own.run" / "state.safetensors"]
    before = [path.read_bytes() for path in kept]
    outcome = train(run, pictures, target, "--steps", 9, "--rate", 1, "--decay", 1e200)
    assert outcome.exit_code == 2
    assert re.search(
        r"^perceiver: the (loss is|weights are) not finite after step \d: "
        r"train with a lower --rate or --decay\n\Z",
        outcome.stderr,
        re.MULTILINE,
    )
    assert [path.read_bytes() for path in kept] == before
    assert train(run, pictures, target, "--steps", 3).exit_code == 0


@pytest.mark.parametrize("hold_out", [0, 0.25])
def test_weights_too_large_to_be_stored_are_a_training_that_diverges(
    pictures, tmp_path, run, hold_out
):
    """They are finite in float32, as is the loss of the last step."""
    target = tmp_path / "own.safetensors"
    outcome = train(run, pictures, target, "--rate", 1, "--decay", 1e9, "--hold-out", hold_out)
    assert outcome.exit_code == 2
    assert re.search(
        r"^perceiver: the weights are not finite after step \d: .*--rate.*\n\Z",
        outcome.stderr,
        re.MULTILINE,
    )
    assert not target.exists()


def one_class_renamed(data):
    (data / "train" / "red").rename(data / "train" / "rouge")


@pytest.mark.parametrize(
    ("change", "arguments", "differing"),
    [
        (None, ["--set", "model.latents=4"], "model.latents"),
        (None, ["--set", "input.bands=3"], "input.bands, model.streams"),
        (one_class_renamed, [], "classes"),
    ],
)
def test_the_state_of_another_training_is_refused(
    change, arguments, differing, pictures, tmp_path, run
):
    target = tmp_path / "own.safetensors"
    assert train(run, pictures, target).exit_code == 0
    kept = [target, tmp_path / "own.run" / "state.safetensors"]
    before = [path.read_bytes() for path in kept]
    if change:
        change(pictures)
    outcome = train(run, pictures, target, *arguments)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        f"perceiver: {tmp_path / 'own.run'} contains the state of another training, which differs "
        f"in {differing}: remove it, or name another folder with --run\n"
    )
    assert [path.read_bytes() for path in kept] == before
    elsewhere = train(run, pictures, target, *arguments, "--run", tmp_path / "elsewhere")
    assert elsewhere.exit_code == 0


def test_the_state_of_another_start_is_refused(pictures, tmp_path, run):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    assert train(run, pictures, first).exit_code == 0
    assert train(run, pictures, second).exit_code == 0
    outcome = train(run, pictures, second, "--from", first)
    assert outcome.exit_code == 2
    assert "differs in --from: " in outcome.stderr


def test_a_state_of_an_older_version_goes_on_if_its_model_fits(pictures, tmp_path, run):
    target = tmp_path / "own.safetensors"
    assert train(run, pictures, target).exit_code == 0
    state = tmp_path / "own.run" / "state.safetensors"
    with safe_open(state, framework="pt") as file:
        where = file.metadata()
    del where["design"]
    save_file(load_file(state), state, metadata=where)
    assert train(run, pictures, target).exit_code == 0
    outcome = train(run, pictures, target, "--set", "model.latents=4")
    assert outcome.exit_code == 2
    assert "own.run contains the state of another training" in outcome.stderr


def test_the_card_keeps_the_command_that_made_the_weights(pictures, tmp_path, run, monkeypatch):
    target = tmp_path / "own.safetensors"
    card = tmp_path / "card.json"
    commands = []
    for number, steps in enumerate((2, 2, 3)):
        card.write_text(json.dumps({"licence": f"licence {number}"}))
        monkeypatch.setattr(sys, "argv", ["perceiver", "train", f"call {number}"])
        assert train(run, pictures, target, "--steps", steps, "--card", card).exit_code == 0
        found = read_header(target).card
        assert found["licence"] == f"licence {number}"
        commands.append(found["command"])
    # The second call finds nothing to train, the third goes on.
    first, third = "perceiver train 'call 0'", "perceiver train 'call 2'"
    assert commands == [first, first, third]


def move_all(source, target):
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        path.rename(target / path.name)


def only_sounds(data):
    move_all(data / "train" / "red", data.parent / "elsewhere")
    sound(data / "train" / "red" / "bark", "hum", np.random.default_rng(0))


def one_sound_more(data):
    sound(data / "train" / "red" / "bark", "hum", np.random.default_rng(0))


def an_empty_class(data):
    move_all(data / "train" / "red", data.parent / "elsewhere")


def one_class(data):
    (data / "train" / "red").rename(data.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            only_sounds,
            r"class red has no usable file for modality image \(.*bark\.wav: is a sound\)",
        ),
        (one_sound_more, r"\nother modality: .*bark\.wav: is a sound\n"),
        (one_sound_more, r"1 file of another modality than image: take it out .*bark\.wav"),
        (an_empty_class, r"class red has no files"),
        (one_class, r"must contain at least two class folders \(found 1\)"),
    ],
)
def test_folders_that_cannot_be_learned_from(pictures, tmp_path, run, spoil, words):
    spoil(pictures)
    outcome = train(run, pictures, tmp_path / "own.safetensors")
    assert outcome.exit_code == 2
    assert re.search(words, outcome.stderr)
    assert sum(line.startswith("perceiver: ") for line in outcome.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("own*"))


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--card", "--card {}: cannot be read: No such file or directory"),
        ("--run", "cannot create the folder {}: Not a directory"),
    ],
)
def test_paths_that_cannot_be_used_are_wrong_usage(pictures, tmp_path, run, option, line):
    (tmp_path / "file").write_text("words")
    path = tmp_path / "nowhere.json" if option == "--card" else tmp_path / "file" / "run"
    outcome = train(run, pictures, tmp_path / "own.safetensors", option, path)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: {line.format(path)}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--model or --modality is required"),
        (["--model", "x", "-m", "image"], "--model and --modality cannot be combined"),
    ],
)
def test_evaluate_takes_one_way_to_name_the_weights(pictures, run, arguments, words):
    outcome = run("evaluate", pictures, *arguments)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: {words}\n"


def test_a_checkpoint_has_the_right_ending(pictures, tmp_path, run):
    outcome = train(run, pictures, tmp_path / "own.pt")
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(
        "own.pt: the file extension of a checkpoint must be .safetensors\n"
    )
    assert list(tmp_path.iterdir()) == [pictures]


def test_evaluate_tells_what_it_could_not_measure(pictures, tmp_path, run):
    target = tmp_path / "own.safetensors"
    assert train(run, pictures, target).exit_code == 0
    half = pictures / "train" / "blue" / "half.png"
    half.write_bytes((pictures / "train" / "blue" / "0.png").read_bytes()[:60])
    call = ["evaluate", pictures, "--split", "train", "--model", target]
    outcome = run(*call)
    assert outcome.exit_code == 1
    assert f"not classified: {half}: the PNG data is cut off or damaged" in outcome.stdout
    assert "95 % interval" in outcome.stdout
    assert "train: only 12 files" in outcome.stderr
    measured = json.loads(run(*call, "--format", "json").stdout)
    assert measured["failed_files"] == [
        {"path": str(half), "kind": "broken", "message": "the PNG data is cut off or damaged"}
    ]
    low, high = measured["top1_interval"]
    assert 0 <= low <= measured["top1"] <= high <= 1
    assert {entry["id"]: entry["failed"] for entry in measured["classes"]} == {"blue": 1, "red": 0}
    outcome = run(*call, "--fail-fast")
    assert outcome.exit_code == 1
    assert outcome.stderr == f"perceiver: {half}: the PNG data is cut off or damaged\n"
    for path in (pictures / "train" / "red").iterdir():
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
    outcome = run(*call)
    assert outcome.exit_code == 2
    assert "no file of class red could be classified" in outcome.stderr


def test_evaluate_passes_over_what_train_passes_over(pictures, tmp_path, run):
    notes, empty = (pictures / "train" / "red" / name for name in ("notes.txt", "empty.png"))
    notes.write_text("words\n")
    empty.touch()
    target = tmp_path / "own.safetensors"
    trained = train(run, pictures, target).stderr
    call = ["evaluate", pictures, "--split", "train", "--model", target]
    measured = json.loads(run(*call, "--format", "json").stdout)
    assert (measured["failed"], measured["passed_over"]) == (0, 2)
    assert measured["failed_files"] == []
    entries = [(each["id"], each["failed"], each["passed_over"]) for each in measured["classes"]]
    assert entries == [("blue", 0, 0), ("red", 0, 2)]
    outcome = run(*call)
    assert outcome.exit_code == 0
    shown = outcome.stdout
    for entry in measured["passed_over_files"]:
        line = f"passed over: {entry['path']}: {entry['message']}\n"
        assert line in trained
        assert line in shown
    assert {entry["path"] for entry in measured["passed_over_files"]} == {str(notes), str(empty)}
    assert "not classified" not in shown
    heading, *rows = shown.split("Per class, worst first\n")[1].splitlines()
    assert heading.split()[:5] == ["class", "items", "passed", "over", "found"]
    assert {tuple(row.split()[:3]) for row in rows[:2]} == {("blue", "6", "0"), ("red", "6", "2")}


def test_evaluate_counts_what_is_sure_enough_by_the_score_asked_for(pictures, tmp_path, run):
    target = tmp_path / "own.safetensors"
    assert train(run, pictures, target).exit_code == 0
    call = ["evaluate", pictures, "--split", "train", "--model", target, "--format", "json"]
    scores = {}
    for sure in ("0.5", "1"):
        measured = json.loads(run(*call, "--sure", sure).stdout)
        scores[sure] = measured["kept"]
        assert measured["kept"] == measured["answers"]["levels"]["class"]["given"]
    # Of two classes, the likelier one always has half of the score.
    assert scores == {"0.5": 1.0, "1": 0.0}


def test_evaluate_says_that_it_measures_on_the_training_files(pictures, tmp_path, run, monkeypatch):
    target = tmp_path / "own.safetensors"
    monkeypatch.setattr(sys, "argv", ["perceiver", "train", str(pictures / "train")])
    assert train(run, pictures / "train", target).exit_code == 0
    message = f"perceiver: {pictures / 'train'}: the model was trained on these files"
    told = run("evaluate", pictures / "train", "--model", target).stderr
    assert message in told
    assert f"perceiver: {pictures / 'train'}: only " in told
    assert (
        "trained on" not in run("evaluate", pictures, "--model", target, "--split", "train").stderr
    )


def test_a_card_whose_command_no_shell_reads_hinders_nothing(pictures, tmp_path, run, weights):
    own = Path(shutil.copy(weights["image"], tmp_path / "own.safetensors"))
    add_to_card(own, "measured", "val", {}, command="train 'pets")
    outcome = run("evaluate", pictures / "train", "--model", own)
    assert outcome.exit_code == 2
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("weights_named", [("-m", "image"), ("--model", "tiny-image")])
def test_figures_are_recorded_in_a_file_that_was_named_alone(
    pictures, run, bundle, weights, weights_named
):
    before = weights["image"].read_bytes()
    outcome = run("evaluate", pictures, *weights_named, "--record", "val")
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "perceiver: --record writes into the checkpoint and requires --model FILE.safetensors\n"
    )
    assert weights["image"].read_bytes() == before


def test_a_folder_of_unknown_files_has_to_exist(pictures, tmp_path, run, weights):
    nowhere = tmp_path / "nowhere"
    outcome = run("evaluate", pictures, "--model", weights["image"], "--unknown", nowhere)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: --unknown {nowhere}: no such folder\n"


@pytest.mark.parametrize("name", ["image", "picture"])
def test_a_modality_is_no_model(pictures, run, bundle, name):
    for call in (("evaluate", pictures, "--model", name), ("models", "info", name)):
        outcome = run(*call)
        assert outcome.exit_code == 2
        assert outcome.stderr == (
            f"perceiver: no such model: {name}; {name} is a modality: its weights are tiny-image\n"
        )


def test_evaluate_names_a_class_it_does_not_know(pictures, weights, run):
    outcome = run("evaluate", pictures, "--model", weights["image"], "--split", "train")
    assert outcome.exit_code == 2
    assert "does not know the class blue" in outcome.stderr


def test_evaluate_prints_tables_that_fit(tmp_path, run, monkeypatch):
    data = make_folder(tmp_path / "data", picture, ("red", "blue"), {"train": 6, "val": 2})
    target = tmp_path / "own.safetensors"
    run("train", data, "-m", "image", "-o", target, "--steps", 2, "--batch-size", 4, *TINY)
    outcome = run("evaluate", data, "--model", target)
    assert outcome.exit_code == 0
    for words in ("top-1", "class mean", "calibration error", "red", "blue"):
        assert words in outcome.stdout
    lines = outcome.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert {"Answers with a score of at least 0.8", "Per class, worst first"} <= set(lines)
    # As in all other tables, there are no lines between columns.
    assert outcome.stdout.isascii()
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("evaluate", data, "--model", target).stdout
    assert max(map(len, narrow.splitlines())) <= 60


def test_files_that_hold_nothing_are_neither_learned_nor_measured(pictures, tmp_path, run):
    blank = pictures / "train" / "blue" / "blank.png"
    Image.new("RGB", (40, 40), "white").save(blank)
    target = tmp_path / "own.safetensors"
    outcome = train(run, pictures, target)
    assert outcome.exit_code == 0
    assert "contains nothing to classify (blank)" in outcome.stderr
    call = ["evaluate", pictures, "--split", "train", "--model", target, "--format", "json"]
    measured = json.loads(run(*call).stdout)
    assert measured["items"] == 12
    assert measured["failed_files"] == [
        {
            "path": str(blank),
            "kind": "broken",
            "message": "contains nothing to classify (blank)",
        }
    ]
