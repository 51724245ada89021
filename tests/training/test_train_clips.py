"""The recipe of everyday-av on rendered clips, with teachers of random answers."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from perceiver_cli.adapters import build_adapter
from perceiver_cli.checkpoints.format import load_checkpoint, read_header
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import read_folder
from perceiver_cli.training.hyperparameters import Hyperparameters
from tests.training.test_distillation import write_teacher
from tests.training.test_train_command import TINY

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"
sys.path[:0] = [str(RECIPES), str(RECIPES / "clips")]
import clip_batches  # noqa: E402
import pair_clips  # noqa: E402
import render  # noqa: E402
from still_batches import ClipAndStillBatches, Stills  # noqa: E402
from teach_clips import EVERYDAY, KINDS, Known  # noqa: E402

NO_KIND = ("n00000001", "n00000002")
PICTURES = sorted(name for parts in EVERYDAY.values() for name in parts["pictures"])
SOUNDS = sorted(name for parts in EVERYDAY.values() for name in parts["sounds"])


def random_picture(rng, side=64):
    """Soft shapes, and less of finer ones."""
    pixels = np.full((side, side, 3), 128.0)
    for cells, contrast in ((4, 0.6), (16, 0.3), (side, 0.1)):
        shapes = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        soft = np.asarray(shapes.resize((side, side), Image.Resampling.BICUBIC))
        pixels += contrast * (soft - 128.0)
    return pixels.clip(0, 255).astype(np.uint8)


def write_sound(file, rng, samples):
    soundfile.write(file, 0.3 * rng.normal(size=samples).clip(-3, 3), pair_clips.RATE)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pictures, sounds, and teachers of both, three files a class."""
    place = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    lines = {"pictures": [], "sounds": []}
    for name in (*PICTURES, *NO_KIND):
        folder = place / "pictures" / "train" / name
        folder.mkdir(parents=True)
        for number in range(3):
            Image.fromarray(random_picture(rng)).save(folder / f"{number}.png")
            lines["pictures"].append(f"{name}/{number}.png")
    for name in SOUNDS:
        folder = place / "sounds" / "train" / name
        folder.mkdir(parents=True)
        for number in range(3):
            write_sound(folder / f"{number}.wav", rng, 10_000 + 30_000 * number)
            lines["sounds"].append(f"{name}/{number}.wav")
    for name, shape in (("pictures", (len(PICTURES) + 2, 3, 3)), ("sounds", (len(SOUNDS), 1, 7))):
        logits = rng.normal(size=(len(lines[name]), *shape))
        write_teacher(place / f"teacher_{name}", lines[name], logits)
    return place


def test_clips_are_rendered_as_files_of_them_are_read(tmp_path):
    rng = np.random.default_rng(1)
    write_sound(tmp_path / "sound.wav", rng, 40_000)
    pictures, corners = [], []
    for seed in range(4):
        pictures.append(random_picture(rng))
        Image.fromarray(pictures[-1]).save(tmp_path / "picture.png")
        target = tmp_path / "clips" / str(seed) / "clip.mkv"
        target.parent.mkdir(parents=True)
        pair_clips.render((tmp_path / "picture.png", tmp_path / "sound.wav", target, seed))
        own = random.Random(seed)
        pair_clips.first_sample(own, 40_000)
        corners.append(np.reshape(pair_clips.camera_path(own, 64), (-1, 4, 2)) / 64)
    settings = {"frames": 8, "size": 64, "resample": "bicubic", "jpeg": 75}
    recipe = build_adapter({"modality": "av", **settings}).recipe
    folder = read_folder(tmp_path / "clips", "train")
    cache = load_or_decode(tmp_path / "run", folder, recipe, lambda done, total: None)
    read = torch.from_numpy(np.array(cache.streams["video"])).float()
    batch = torch.from_numpy(np.stack(pictures))
    paths = torch.from_numpy(np.stack(corners)).float()
    made = render.render(batch, paths).float()
    assert made.shape == read.shape
    views = render.filmed(batch, paths)[:, render.SHOWN].flatten(0, 1)
    uncoded = render.reduced(views).permute(0, 2, 3, 1).unflatten(0, (len(batch), -1))
    error, without_codec = ((of - read).abs().mean((0, 2, 3, 4)) for of in (made, uncoded))
    assert error[0] < 4
    assert (error < 0.85 * without_codec).all(), (error, without_codec)


def test_random_paths_stay_near_the_picture():
    torch.manual_seed(0)
    corners = render.camera_paths(50, torch.device("cpu"))
    assert corners.shape == (50, render.FRAMES, 4, 2)
    assert corners.min() > -0.3
    assert corners.max() < 1.3
    sides = (corners[:, :, 1] - corners[:, :, 0]).norm(dim=2)
    assert sides.min() >= 0.649
    assert sides.max() <= 1.001


def test_what_pair_clips_holds_out_is_left_out(data):
    pictures = data / "pictures"
    rng = np.random.default_rng(0)
    by_kind = clip_batches.pictures_by_kind(pictures, pictures)
    chosen = clip_batches.chosen_pictures(by_kind, 400, 0.25, rng)
    counts = np.bincount([kind + 1 for _, kind in chosen], minlength=len(KINDS) + 1)
    assert counts[0] == 100
    assert 300 <= counts[1:].sum() < 300 + len(KINDS)
    used = {file for file, _ in chosen}
    for kind, name in enumerate(KINDS):
        folders = [pictures / "train" / folder for folder in EVERYDAY[name]["pictures"]]
        held = set(pair_clips.sources(folders, "held"))
        assert held
        assert not held & used
        assert {file for file, own in chosen if own == kind} <= {
            file for folder in folders for file in folder.iterdir()
        }


def test_a_sound_is_a_window_of_a_recording_of_the_kind_with_its_answer(data):
    teacher = Known(data / "teacher_sounds", "sounds")
    sounds = clip_batches.Sounds(data / "sounds", teacher, torch.device("cpu"))
    kinds = torch.arange(len(KINDS)).repeat(4)
    torch.manual_seed(0)
    samples, logits = sounds.draw(kinds)
    assert samples.shape == (len(kinds), clip_batches.SAMPLES)
    for kind, wave, said in zip(kinds.tolist(), samples, logits[:, :, 0, 0], strict=True):
        names = EVERYDAY[KINDS[kind]]["sounds"]
        files = pair_clips.sources([data / "sounds" / "train" / name for name in names], "train")
        found = []
        for file in files:
            whole = clip_batches.read_sound(file).astype(np.float32) / 32768
            free = max(0, len(whole) - clip_batches.SAMPLES)
            for start in np.flatnonzero(whole[: free + 1] == wave[0].item()):
                if np.array_equal(np.resize(whole[start:], len(wave)), wave.numpy()):
                    window = min(round(start / 8000), 6)
                    found.append(teacher.kinds(teacher.of(file)[:, 0])[:, window])
        assert len(found) == 1
        np.testing.assert_allclose(said, found[0], rtol=1e-5)


def test_a_motionless_clip_shows_one_of_its_frames(data):
    frames = torch.arange(6 * 8).view(6, 8, 1, 1, 1).to(torch.uint8)
    kinds = torch.arange(6)
    sounds = clip_batches.Sounds(
        data / "sounds", Known(data / "teacher_sounds", "sounds"), torch.device("cpu")
    )
    logits = torch.zeros(6, len(KINDS))
    moving = clip_batches.Clips(frames, logits, kinds, sounds)[kinds]["video"]
    assert torch.equal(moving, frames)
    still = clip_batches.Clips(frames, logits, kinds, sounds, motionless=1.0)[kinds]["video"]
    assert (still == still[:, :1]).all()
    assert (still[:, :1] == frames).any(1).all()


def test_stills_are_elements_of_one_time_of_a_clip(data):
    teacher = Known(data / "teacher_pictures", "pictures")
    by_kind = clip_batches.pictures_by_kind(data / "pictures", data / "pictures")
    stills = Stills(by_kind, 0.25, teacher, torch.device("cpu"))
    assert len(stills.pixels) == sum(len(files) for files in by_kind.values())
    assert stills.weights.sum() == pytest.approx(1)
    assert stills.weights[-len(by_kind[-1]) :].sum() == pytest.approx(0.25)

    adapter = build_adapter({"modality": "av", "frames": 8, "size": 64, "jpeg": 75})
    config = PerceiverConfig(streams=adapter.streams, classes=len(KINDS))
    nothing = Cache({}, {}, np.zeros(1, int), np.arange(1), [])
    options = Hyperparameters(batch_size=2)
    batches = ClipAndStillBatches(adapter, nothing, options, config, torch.device("cpu"))
    batches.stills, batches.share = stills, 1.0
    batch = batches.draw(0, 1.0)
    assert batch.elements["video"].shape == (6, 256, adapter.streams["video"])
    torch.testing.assert_close(batch.targets.sum(1), torch.ones(6))

    frames = torch.rand(2, 3, 64, 64)
    whole = adapter.with_positions({"video": frames.unsqueeze(2).expand(-1, -1, 8, -1, -1)})
    at_times = whole["video"].split(256, 1)
    found = batches.at_one_time(frames)
    assert sum(torch.allclose(found, of) for of in at_times) == 1


def test_what_the_recipe_trains_is_read_and_trained_on(data, tmp_path, run):
    initial = tmp_path / "pictures.safetensors"
    settings = ["--set", "input.size=64", "--set", "input.jpeg=75"]
    steps = ["--steps", "2", "--batch-size", "4"]
    outcome = run(
        "train", data / "pictures", "-m", "image", "-o", initial, *steps, *TINY, *settings
    )
    assert outcome.exit_code == 0, outcome.stderr

    def train(start, output, *more):
        call = [sys.executable, RECIPES / "clips" / "train_clips.py", data / "pictures"]
        call += [data / "sounds", "--from", start, "-o", output, *steps, "--device", "cpu"]
        call += ["--teacher", data / "teacher_pictures"]
        call += ["--sound-teacher", data / "teacher_sounds"]
        call += ["--clips", "20", *more]
        return subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)

    first = tmp_path / "first.safetensors"
    (tmp_path / "card.json").write_text(json.dumps({"licence": "none"}))
    done = train(initial, first, "--card", tmp_path / "card.json")
    assert done.returncode == 0, done.stderr
    assert "step 2, 100.0%, loss" in done.stdout
    header = read_header(first)
    assert [label.label for label in header.labels] == KINDS
    assert header.recipe["audio"]["values"] == "cosines"
    assert header.card["licence"] == "none"
    assert header.card["steps"] == 2
    assert header.card["from"]["name"] == "pictures"

    # Two steps change the moving average by little, so that what it began with is seen.
    heads = [load_checkpoint(path).tensors["readout.head.weight"] for path in (initial, first)]
    ids = [label.id for label in read_header(initial).labels]
    birds = [ids.index(name) for name in EVERYDAY["bird"]["pictures"]]
    expected = heads[0][birds].mean(0)
    torch.testing.assert_close(heads[1][KINDS.index("bird")], expected, rtol=1e-3, atol=1e-3)

    second = tmp_path / "second.safetensors"
    still = ("--stills", "1", "--motionless", "0.5", "--smallest-crop", "0.6")
    done = train(first, second, "--seed", "1", "--others", "0", *still)
    assert done.returncode == 0, done.stderr
    assert ", 0 of no kind" in done.stdout
    before, after = load_checkpoint(first), load_checkpoint(second)
    assert after.header.recipe == before.header.recipe
    assert after.header.card["from"]["from"]["name"] == "pictures"
    for name, tensor in after.tensors.items():
        torch.testing.assert_close(tensor, before.tensors[name], rtol=1e-3, atol=1e-3)


def test_a_checkpoint_that_reads_pictures_in_another_way_is_refused(data, weights, tmp_path):
    call = [
        sys.executable,
        RECIPES / "clips" / "train_clips.py",
        data / "pictures",
        data / "sounds",
    ]
    call += ["--from", weights["av"], "-o", tmp_path / "out.safetensors", "--steps", "1"]
    call += ["--teacher", data / "teacher_pictures", "--sound-teacher", data / "teacher_sounds"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "does not read pictures of 64 pixels" in done.stderr
