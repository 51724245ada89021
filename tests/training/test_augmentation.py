"""What each augmentation does to inputs and targets."""

import math

import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.training.augment import pointcloud
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.audio import AudioAugmentation
from perceiver_cli.training.augment.image import (
    ImageAugmentation,
    jitter_colour,
    mixup_or_cutmix,
)
from perceiver_cli.training.augment.mixup import distil, draw_beta, interpolate, mixup
from perceiver_cli.training.augment.pointcloud import (
    PointCloudAugmentation,
    drop_side,
    rotate_half,
)
from perceiver_cli.training.augment.video import VideoAugmentation, shuffle_within_class

SEEDS = range(12)


def flat_pictures(targets):
    """float [B, classes, 8, 8]: each channel is the class's target everywhere."""
    return targets[:, :, None, None].expand(-1, -1, 8, 8).clone()


def test_shares_of_mixup_are_drawn_on_the_cpu():
    """Also where new tensors are made on another device, which may be unable to draw them."""
    with torch.device("meta"):
        drawn = draw_beta(0.4, 1000)
    assert drawn.device.type == "cpu"
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=0.05)


def test_mixup_mixes_values_and_targets_alike():
    torch.manual_seed(0)
    targets = torch.eye(16)
    tensors = {"values": targets[:, :, None] * torch.ones(5), "targets": targets}
    mixed = mixup(tensors, 1.0)
    torch.testing.assert_close(mixed["values"].mean(2), mixed["targets"])
    own = mixed["targets"].diagonal()
    assert own.min() >= 0.5
    assert 2 < int((own < 0.99).sum()) < 16
    assert mixup(tensors, 0.0) is tensors
    # With one share for the batch, every item that is mixed has the same one.
    own = mixup(tensors, 1.0, per_item=False)["targets"].diagonal()
    assert len(own[own < 1].unique()) == 1


def test_mixup_and_cutmix_give_each_class_its_share_of_the_picture():
    boxes = blends = 0
    for seed in SEEDS:
        torch.manual_seed(seed)
        targets = torch.eye(5)
        pixels, mixed = mixup_or_cutmix(flat_pictures(targets), targets, 1.0)
        torch.testing.assert_close(pixels.mean((2, 3)), mixed)
        if ((pixels == 0) | (pixels == 1)).all():
            others = pixels.diagonal().permute(2, 0, 1) == 0
            rows, columns = others.any((0, 2)), others.any((0, 1))
            # One box, the same for all pictures.
            assert int(others.any(0).sum()) == int(rows.sum()) * int(columns.sum())
            boxes += bool(others.any())
        else:
            blends += 1
    assert boxes >= 2
    assert blends >= 2
    for seed in SEEDS:
        torch.manual_seed(seed)
        assert mixup_or_cutmix(flat_pictures(targets), targets, 0.0)[1] is targets


def test_a_teachers_scores_are_a_share_of_the_targets():
    logits = torch.tensor([[0.0, math.log(3)]])[:, :, None, None].expand(-1, -1, 2, 2)
    found = distil(torch.tensor([[1.0, 0.0]]), logits, 0.8)
    torch.testing.assert_close(found, torch.tensor([[0.2 + 0.8 * 0.25, 0.8 * 0.75]]))


def upright_halves(count=400):
    """Points of two classes, 6 shapes: z is 1 for the first class and -1 for the second."""
    points = torch.rand(6, count, 3) * torch.tensor([0.2, 0.1, 0.0]) + torch.tensor([0.1, 0.0, 1.0])
    points[3:, :, 2] = -1
    return points, torch.eye(2).repeat_interleave(3, 0)


@pytest.fixture
def keep_all_sides(monkeypatch):
    monkeypatch.setattr(pointcloud, "drop_side", lambda points, share: points)


def test_mixed_shapes_have_points_of_each_in_the_share_of_its_target(keep_all_sides):
    adapter = build_adapter({"modality": "pointcloud"})
    counts = set()
    for seed in SEEDS:
        torch.manual_seed(seed)
        points, targets = upright_halves()
        mixed = PointCloudAugmentation(adapter, 1.0)({"pointcloud": points}, targets)
        found = mixed.features["pointcloud"]
        above = (found[..., 2] > 0).float().mean(1)
        torch.testing.assert_close(above, mixed.targets[:, 0])
        counts.add(found.shape[1])
    assert 200 <= min(counts) < max(counts) <= 400


def test_shapes_are_mirrored_sideways_and_never_upside_down(keep_all_sides):
    adapter = build_adapter({"modality": "pointcloud"})
    sides, radii = [], []
    for seed in SEEDS:
        torch.manual_seed(seed)
        points, targets = upright_halves()
        augmented = PointCloudAugmentation(adapter, 0.0)({"pointcloud": points}, targets)
        found = augmented.features["pointcloud"]
        assert torch.equal(augmented.targets, targets)
        assert (found[:3, :, 2] > 0.5).all()
        assert (found[3:, :, 2] < -0.5).all()
        sides.append(found[..., :2].mean(1))
        radii.append(found.norm(dim=2).amax(1))
    sides, radii = torch.cat(sides), torch.cat(radii)
    for axis in (0, 1):
        assert 0.2 < (sides[:, axis] > 0).float().mean() < 0.8
    assert radii.min() > 0.7
    assert radii.max() < 1.3


def test_half_of_the_shapes_are_rotated_about_the_vertical():
    torch.manual_seed(0)
    points = torch.randn(200, 5, 3)
    found = rotate_half(points)
    torch.testing.assert_close(found[..., 2], points[..., 2])
    torch.testing.assert_close(found.norm(dim=2), points.norm(dim=2))
    moved = ((found - points).abs().amax((1, 2)) > 1e-4).float().mean()
    assert 0.35 < moved < 0.65
    # Rotated, not mirrored: the cross product of two points keeps its sign.
    before, after = (p[:, 0, 0] * p[:, 1, 1] - p[:, 0, 1] * p[:, 1, 0] for p in (points, found))
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-4)


def test_a_dropped_side_is_a_side_and_the_rest_is_centred():
    torch.manual_seed(0)
    points = torch.zeros(40, 100, 3)
    points[..., 0] = torch.stack([torch.randperm(100) for _ in range(40)]).float()
    kept = drop_side(points, 0.3)
    assert kept.shape == (40, 70, 3)
    torch.testing.assert_close(kept.mean(1), torch.zeros(40, 3), rtol=0, atol=1e-4)
    # Points on a line: those that are left are neighbours.
    along = kept[..., 0].sort(1).values
    torch.testing.assert_close(along.diff(), torch.ones(40, 69))
    assert drop_side(points[:, :1], 1.0).shape == (40, 1, 3)


def test_a_clip_gets_the_sound_of_a_clip_of_its_class():
    torch.manual_seed(0)
    targets = torch.eye(3).repeat(8, 1)
    order = shuffle_within_class(targets)
    assert torch.equal(order % 3, torch.arange(24) % 3)
    assert int((order != torch.arange(24)).sum()) > 8


def test_a_videos_crop_and_colour_are_the_same_for_all_frames():
    recipe = {"modality": "av", "frames": 4, "size": 16, "patch": 4}
    adapter = build_adapter(recipe)
    augment = VideoAugmentation(adapter, 0.0)
    streams = []
    for seed in range(60):
        torch.manual_seed(seed)
        still = torch.randint(0, 256, (2, 1, 16, 16, 3), dtype=torch.uint8).expand(
            -1, 4, -1, -1, -1
        )
        arrays = {"video": still, "audio": torch.randn(2, 32000)}
        augmented = augment(arrays, torch.eye(2))
        features = augmented.features
        assert torch.equal(augmented.targets, torch.eye(2))
        streams.append(tuple(sorted(features)))
        if "video" in features:
            frames = features["video"]
            torch.testing.assert_close(frames, frames[:, :, :1].expand_as(frames))
    assert {("audio",), ("video",), ("audio", "video")} == set(streams)
    assert 0.2 < streams.count(("video",)) / 60 < 0.6
    assert 0.05 < streams.count(("audio",)) / 60 < 0.4


def test_mixed_videos_have_targets_of_the_same_shares():
    adapter = build_adapter({"modality": "av", "frames": 4, "size": 16, "patch": 4, "audio": None})
    for seed in SEEDS:
        torch.manual_seed(seed)
        mixed = VideoAugmentation(adapter, 1.0)(
            {"video": torch.zeros(4, 4, 16, 16, 3, dtype=torch.uint8)}, torch.eye(4)
        )
        assert mixed.features["video"].isfinite().all()
        assert (mixed.targets.diagonal() <= 1).all()
        torch.testing.assert_close(mixed.targets.sum(0), torch.ones(4))


def test_random_crops_are_parts_frames_flips_and_rotations():
    torch.manual_seed(0)
    maps = random_affine_crops(4000, smallest=0.5, largest=2.0)
    scales = maps[:, :, :2]
    area = scales.det().abs()
    assert area.min() > 0.45
    assert area.max() <= 2.0 + 1e-4
    framed = (area > 1.001).float().mean()
    assert 0.15 < framed < 0.25
    assert 0.45 < (scales.det() < 0).float().mean() < 0.55
    angles = torch.atan2(scales[:, 0, 1].abs(), scales[:, 1, 1]).rad2deg()
    assert 0.28 < (angles > 1e-3).float().mean() < 0.39
    # A crop that is not rotated lies within the picture.
    straight = (angles < 1e-3) & (area <= 1)
    reach = scales.diagonal(dim1=1, dim2=2).abs() + maps[:, :, 2].abs()
    assert reach[straight].max() <= 1 + 1e-5
    assert maps[:, :, 2].abs().amax() > 0.2
    ratio = (scales[straight, 0, 0].abs() / scales[straight, 1, 1]).log().abs()
    assert ratio.max() <= math.log(4 / 3) + 1e-4


def test_warp_reads_the_grid_where_the_map_leads():
    grid = torch.arange(16.0).view(1, 1, 4, 4)
    identity = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    torch.testing.assert_close(warp(grid, identity), grid)
    mirrored = identity * torch.tensor([[-1.0], [1.0]])
    torch.testing.assert_close(warp(grid, mirrored), grid.flip(3))
    beside = identity + torch.tensor([[0.0, 0, 2], [0, 0, 0]])
    assert not warp(grid, beside).any()
    torch.testing.assert_close(warp(grid, beside, padding="border"), grid[..., -1:].expand_as(grid))


def test_colour_changes_are_one_per_picture_and_some_have_no_colour():
    torch.manual_seed(0)
    adapter = build_adapter({"modality": "image"})
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (adapter.recipe.mean, adapter.recipe.std))
    pictures = ((torch.rand(200, 3, 2, 2) - mean) / std).repeat(1, 1, 2, 2)
    found = jitter_colour(pictures, adapter.recipe)
    torch.testing.assert_close(found[..., :2, :2], found[..., 2:, 2:])
    steps = (found - found[..., :1, :1]) * std
    grey = (steps - steps[:, :1]).abs().amax((1, 2, 3)) < 1e-4
    assert 0.2 < grey.float().mean() < 0.4
    # An affine map of each picture: the order of levels in a channel stays.
    colourful = ~grey
    before = pictures[colourful].flatten(2).argsort(2)
    after = found[colourful].flatten(2).argsort(2)
    torch.testing.assert_close(
        pictures[colourful].flatten(2).gather(2, after),
        pictures[colourful].flatten(2).gather(2, before),
    )
    assert (found.mean((1, 2, 3)) < pictures.mean((1, 2, 3)) - 0.3).float().mean() > 0.15


def test_light_is_lost_towards_black():
    """Black is at about -2: there, only contrast, brightness and tint matter."""
    adapter = build_adapter({"modality": "image"})
    torch.manual_seed(0)
    black = jitter_colour(torch.full((600, 3, 1, 1), -2.0), adapter.recipe)
    torch.manual_seed(0)
    grey = jitter_colour(torch.full((600, 3, 1, 1), 0.0), adapter.recipe)
    assert black.mean() == pytest.approx(-2, abs=0.05)
    assert black.std() > 0.1
    share = ((grey - black) / 2).mean((1, 2, 3))
    assert share.min() >= 0.3 * 0.7 - 1e-3
    assert share.max() <= 1.2 * 1.3 + 1e-3
    assert 0.15 < (share < 0.7).float().mean() < 0.35


def test_contrast_leaves_the_mean_colour_alone():
    """Where the light stays, brightness and tint move it by 0.3 and a third of that at most."""
    adapter = build_adapter({"modality": "image"})
    torch.manual_seed(0)
    found = jitter_colour(torch.zeros(600, 3, 1, 1), adapter.recipe).abs().amax((1, 2, 3))
    assert 0.55 < (found <= 0.4 + 1e-4).float().mean() < 0.75


def test_some_batches_lose_their_sound_or_their_frames_or_have_black_ones():
    recipe = {"modality": "av", "frames": 2, "size": 8, "patch": 4}
    augment = VideoAugmentation(build_adapter(recipe), 0.0)
    adapter = augment.adapter
    bright = {"video": torch.full((1, 2, 8, 8, 3), 200, dtype=torch.uint8)}
    black = adapter.features({"video": torch.zeros_like(bright["video"])})["video"]
    sound = {"audio": torch.randn(1, adapter.audio.recipe.samples)}
    torch.manual_seed(0)
    found = []
    for _ in range(400):
        features = augment(bright | sound, torch.eye(1)).features
        dark = "video" in features and torch.equal(features["video"], black)
        found.append((*sorted(features), "black") if dark else tuple(sorted(features)))
    shares = {streams: found.count(streams) / 400 for streams in found}
    assert shares == {
        ("audio",): pytest.approx(0.15, abs=0.05),
        ("audio", "video", "black"): pytest.approx(0.15, abs=0.05),
        ("audio", "video"): pytest.approx(0.3, abs=0.06),
        ("video",): pytest.approx(0.4, abs=0.07),
    }
    assert all(set(augment(bright, torch.eye(1)).features) == {"video"} for _ in range(20))


def test_a_teacher_is_asked_only_where_there_is_no_sound():
    recipe = {"modality": "av", "frames": 2, "size": 8, "patch": 4}
    augment = VideoAugmentation(build_adapter(recipe), 0.0, teacher_share=0.5)
    arrays = {
        "video": torch.zeros(2, 2, 8, 8, 3, dtype=torch.uint8),
        "audio": torch.randn(2, augment.adapter.audio.recipe.samples),
        "teacher": torch.zeros(2, 2, 1, 1),
    }
    torch.manual_seed(0)
    for _ in range(40):
        found = augment(arrays, torch.eye(2))
        expected = torch.eye(2) if "audio" in found.features else torch.eye(2) * 0.5 + 0.25
        torch.testing.assert_close(found.targets, expected)


def test_a_teachers_logits_are_interpolated_between_its_windows():
    logits = torch.tensor([[0.0, 10.0, 40.0], [1.0, 2.0, 3.0]]).view(2, 1, 1, 3)

    def at(*positions):
        return interpolate(logits, torch.tensor(positions)).flatten().tolist()

    assert at(0.0, 1.0) == [0.0, 3.0]
    assert at(0.5, 0.5) == [10.0, 2.0]
    assert at(0.25, 0.75) == [5.0, 2.5]
    assert at(0.9, 0.1) == pytest.approx([34.0, 1.2])
    only = interpolate(logits[..., :1], torch.tensor([0.3, 1.0]))
    assert only.flatten().tolist() == [0.0, 1.0]


def test_shapes_are_mixed_in_any_share(keep_all_sides):
    augment = PointCloudAugmentation(build_adapter({"modality": "pointcloud"}), 1.0)
    shares = []
    for seed in range(150):
        torch.manual_seed(seed)
        points, targets = upright_halves(40)
        others = augment({"pointcloud": points}, targets).targets[:3, 1]
        shares += others[others > 0].tolist()[:1]
    assert 0.42 < sum(shares) / len(shares) < 0.58
    assert min(shares) < 0.1
    assert max(shares) > 0.9


def test_half_of_the_batches_lose_points_on_one_side(monkeypatch):
    dropped = []

    def drop(points, share):
        dropped.append(share)
        return points

    monkeypatch.setattr(pointcloud, "drop_side", drop)
    augment = PointCloudAugmentation(build_adapter({"modality": "pointcloud"}), 0.0)
    torch.manual_seed(0)
    for _ in range(200):
        augment({"pointcloud": torch.rand(1, 8, 3)}, torch.eye(1))
    assert 80 < len(dropped) < 120
    assert 0.25 < max(dropped) < 0.3
    assert 0.12 < sum(dropped) / len(dropped) < 0.18


def test_proportions_change_by_up_to_three_halves():
    augment = PointCloudAugmentation(build_adapter({"modality": "pointcloud"}), 0.0)
    corners = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 1.0
    torch.manual_seed(0)
    found = augment({"pointcloud": corners.repeat(4000, 2, 1)}, torch.ones(4000, 1)).features
    sides = found["pointcloud"].amax(1) - found["pointcloud"].amin(1)
    ratio = (sides[:, 2] / sides[:, :2].mean(1)).log()
    assert ratio.abs().max() < math.log(9 / 4) + 0.4
    assert ratio.abs().max() > math.log(3 / 2)


def test_a_teacher_of_sounds_gives_scores_and_features():
    """The same for all windows of a recording, wherever the window is drawn."""
    adapter = build_adapter({"modality": "audio"})
    augment = AudioAugmentation(adapter, 0.0, teacher_share=0.25)
    torch.manual_seed(0)
    logits, taught = torch.randn(4, 3), torch.randn(4, 7)
    arrays = {
        "audio": torch.randn(4, 2 * adapter.recipe.samples),
        "teacher": logits[:, :, None, None].expand(-1, -1, 1, 5),
        "teacher_features": taught[:, :, None, None].expand(-1, -1, 1, 5),
    }
    classes = torch.eye(3)[[0, 1, 2, 0]]
    found = augment(arrays, classes)
    assert found.features["audio"].shape == (4, 1, adapter.recipe.mels, adapter.recipe.frames)
    torch.testing.assert_close(found.targets, 0.75 * classes + 0.25 * logits.softmax(1))
    torch.testing.assert_close(found.teacher_features, taught)
    del arrays["teacher"], arrays["teacher_features"]
    found = augment(arrays, classes)
    assert torch.equal(found.targets, classes)
    assert found.teacher_features is None


def test_a_teacher_of_pictures_gives_scores():
    augment = ImageAugmentation(build_adapter({"modality": "image", "size": 16}), 0.0, 0.25)
    torch.manual_seed(0)
    logits = torch.randn(6, 2)
    arrays = {
        "image": torch.randint(0, 256, (6, 16, 16, 3), dtype=torch.uint8),
        "teacher": logits[:, :, None, None].expand(-1, -1, 3, 3),
    }
    classes = torch.eye(2).repeat(3, 1)
    targets = augment(arrays, classes).targets
    torch.testing.assert_close(targets, 0.75 * classes + 0.25 * logits.softmax(1))


def test_colours_of_augmented_pictures_stay_in_their_channels():
    adapter = build_adapter({"modality": "image", "size": 16})
    red = torch.zeros(200, 16, 16, 3, dtype=torch.uint8)
    red[..., 0] = 255
    torch.manual_seed(0)
    found = ImageAugmentation(adapter, 0.0)({"image": red}, torch.ones(200, 1)).features["image"]
    assert found.shape == (200, 3, 16, 16)
    # Around a picture that is smaller than its frame is the mean colour.
    centre = found[..., 6:10, 6:10].mean((2, 3))
    coloured = (centre[:, 0] - centre[:, 1]).abs() > 0.5
    assert 0.6 < coloured.float().mean() < 0.8
    assert (centre[coloured, 0] > centre[coloured, 1:].amax(1)).all()
