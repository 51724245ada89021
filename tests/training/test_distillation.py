import numpy as np
import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import part
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.mixup import interpolate
from perceiver_cli.training.data.folder import read_folder
from perceiver_cli.training.distillation import read_teacher


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "data" / "train" / name).mkdir(parents=True)
        for number in range(2):
            (tmp_path / "data" / "train" / name / f"{number}.png").touch()
    return read_folder(tmp_path / "data", "train")


def write_teacher(place, lines, logits):
    place.mkdir()
    (place / "files.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    np.save(place / "logits.npy", logits.astype(np.float16))
    return place


def test_a_file_gets_its_own_logits(folder, tmp_path):
    lines = ["dog/1.png", "cat/0.png", "dog/0.png", "cat/1.png", "cat/2.png"]
    logits = np.arange(5)[:, None, None, None] * np.ones((1, 2, 3, 3))
    teacher = read_teacher(write_teacher(tmp_path / "teacher", lines, logits), folder)
    assert teacher.outputs["teacher"][teacher.rows][:, 0, 0, 0].tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("lines", "shape", "words"),
    [
        (["cat/0.png"], (1, 2, 3, 3), "cat/1.png and 2 other files are missing"),
        (["cat/0.png"], (1, 3, 3, 3), "does not fit 1 files and 2 classes"),
        (["cat/0.png"], (2, 2, 3, 3), "does not fit"),
        (["cat/0.png"], (1, 2), "does not fit"),
    ],
)
def test_a_teacher_that_does_not_fit(folder, tmp_path, lines, shape, words):
    place = write_teacher(tmp_path / "teacher", lines, np.zeros(shape))
    with pytest.raises(UsageError, match=words):
        read_teacher(place, folder)


def test_no_teacher_there(folder, tmp_path):
    with pytest.raises(UsageError, match=r"files\.txt: No such file or directory$"):
        read_teacher(tmp_path, folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("files.txt", "cat/0.png".encode("utf-16"), "files.txt: not text in UTF-8"),
        ("logits.npy", b"words", "an .npy file is no NumPy array or damaged"),
        ("logits.npy", b"", "an .npy file is no NumPy array or damaged"),
    ],
)
def test_a_damaged_teacher(folder, tmp_path, name, content, words):
    place = write_teacher(tmp_path / "teacher", ["cat/0.png"], np.zeros((1, 2, 3, 3)))
    (place / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_teacher(place, folder)
    assert str(caught.value) == f"--teacher {place}: {words}"


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_share_of_a_target_is_what_the_teacher_says_of_the_view(share):
    augment = part("image", "augmentation")(build_adapter({"modality": "image"}), 0.0, share)
    pixels = torch.zeros(4, 64, 64, 3, dtype=torch.uint8)
    logits = torch.zeros(4, 5, 3, 3)
    logits[:, 2] = 50.0
    logits[:, 2, :, 0], logits[:, 3, :, 0] = 0.0, 400.0
    torch.manual_seed(1)
    targets = augment({"image": pixels, "teacher": logits}, torch.eye(5)[:4]).targets
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    assert (targets.diagonal() >= 1 - share - 1e-4).all()
    assert (targets[:2].diagonal() <= 1 - share + 1e-4).all()
    assert (targets[:, 2:4].sum(1) >= share - 1e-4).all()


def test_a_clips_targets_come_from_the_teachers_of_the_streams_that_are_left():
    adapter = build_adapter({"modality": "av", "audio": {"modality": "audio"}})
    recipe, truth = adapter.recipe, torch.eye(5)[:2]
    seen, heard = (logit * torch.eye(5)[[place] * 2] for logit, place in ((50, 3), (80, 4)))
    both = {
        "video": torch.zeros(2, recipe.frames, recipe.size, recipe.size, 3, dtype=torch.uint8),
        "audio": torch.rand(2, adapter.audio.recipe.samples),
        "teacher": seen[:, :, None, None],
        "teacher_audio": heard[:, :, None, None].expand(-1, -1, 1, 3),
    }
    alone = {name: array for name, array in both.items() if name != "teacher_audio"}
    augment = part("av", "augmentation")(adapter, 0.0, 0.75)
    said = {("audio", "video"): 4, ("audio",): 4, ("video",): 3}
    found = set()
    for seed in range(20):
        for arrays in (both, alone):
            torch.manual_seed(seed)
            augmented = augment(arrays, truth)
            streams = tuple(sorted(augmented.features))
            taught = arrays is both or streams == ("video",)
            expected = truth / 4 + 0.75 * torch.eye(5)[said[streams]] if taught else truth
            torch.testing.assert_close(augmented.targets, expected)
            found.add(streams)
    assert found == set(said)


def test_views_show_parts_of_the_picture_mirrored_turned_or_the_whole_on_a_sheet():
    torch.manual_seed(0)
    ramp = torch.linspace(1, 2, 32).expand(400, 1, 32, 32)
    crops = random_affine_crops(400)
    seen = warp(ramp, crops)
    turned = crops[:, 0, 1] != 0
    assert 0.25 < turned.float().mean() < 0.42
    degrees = torch.atan2(crops[:, 0, 1], crops[:, 1, 1]).rad2deg().abs()
    assert 13 < degrees.max() < 15.1
    apart = crops[:, :, :2].det().abs() > 1
    assert 0.1 < apart.float().mean() < 0.3
    assert (seen[apart].amin((1, 2, 3)) < 1).all()
    part = seen[~apart & ~turned][..., 1:-1, 1:-1]
    rising = part[:, 0, 0, -1] > part[:, 0, 0, 0]
    assert 0.4 < rising.float().mean() < 0.6
    assert (part.amin((1, 2, 3)) >= 1 - 1e-5).all()
    assert (part.amax((1, 2, 3)) <= 2 + 1e-5).all()


def test_features_are_read_where_there_are_some(folder, tmp_path):
    lines = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
    place = write_teacher(tmp_path / "teacher", lines, np.zeros((4, 2, 1, 3)))
    assert list(read_teacher(place, folder).outputs) == ["teacher"]
    np.save(place / "features.npy", np.arange(4)[:, None, None, None] * np.ones((1, 6, 1, 3)))
    teacher = read_teacher(place, folder)
    found = teacher.outputs["teacher_features"][teacher.rows[[2, 0]]]
    assert found.shape == (2, 6, 1, 3)
    assert found[:, 5, 0, 2].tolist() == [2, 0]
    np.save(place / "features.npy", np.zeros((3, 6, 1, 3)))
    with pytest.raises(UsageError, match="does not fit 4 files"):
        read_teacher(place, folder)


def test_features_are_those_of_what_is_heard():
    augment = part("audio", "augmentation")(build_adapter({"modality": "audio"}), 0.0, 0.5)
    rising = torch.linspace(0, 1, 7).expand(9, 4, 1, 7)
    arrays = {
        "audio": torch.randn(9, 80000),
        "teacher": torch.zeros(9, 5, 1, 7),
        "teacher_features": rising,
    }
    torch.manual_seed(0)
    augmented = augment(arrays, torch.eye(5)[[0] * 9])
    torch.testing.assert_close(augmented.targets.sum(1), torch.ones(9))
    features = augmented.teacher_features
    assert features.shape == (9, 4)
    assert features.amin() >= 0
    assert features.amax() <= 1
    assert features.std(0).min() > 0.05
    torch.testing.assert_close(features, features[:, :1].expand(-1, 4))


def test_between_windows_lies_what_is_between_them():
    logits = torch.tensor([0.0, 2.0, 6.0]).expand(4, 5, 1, 3)
    found = interpolate(logits, torch.tensor([0.0, 0.25, 0.75, 1.0]))
    assert found[:, 2, 0, 0].tolist() == [0.0, 1.0, 4.0, 6.0]
    assert interpolate(logits[..., :1], torch.rand(4)).unique().tolist() == [0.0]
