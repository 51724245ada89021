"""Repairs are noted in the result; --strict fails such inputs."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.samples import make_sound_with_gap


def cut_photo(tmp_path, media):
    """A photo after a broken download: its last bytes are missing."""
    path = tmp_path / "cut.jpg"
    with open(media["image"], "rb") as photo:
        path.write_bytes(photo.read()[:-2])
    return str(path)


def test_notes_are_in_the_record_and_on_stderr(perceiver, weights, media, tmp_path):
    call = ["classify", cut_photo(tmp_path, media), "--model", weights["image"], "--format", "json"]
    outcome = perceiver(*call)
    assert outcome.returncode == 0
    (record,) = json.loads(outcome.stdout)
    assert record["notes"] == ["the JPEG file lacks its end"]
    assert b"cut.jpg: the JPEG file lacks its end" in outcome.stderr


def test_inspect_shows_notes(perceiver, weights, media, tmp_path):
    call = ["inspect", cut_photo(tmp_path, media), "--model", weights["image"]]
    assert b"\nthe JPEG file lacks its end\n" in perceiver(*call).stdout
    record = json.loads(perceiver(*call, "--format", "json").stdout)
    assert record["notes"] == ["the JPEG file lacks its end"]


def test_strict_fails_what_was_repaired(perceiver, weights, media, tmp_path):
    call = ["classify", cut_photo(tmp_path, media), media["image"], "--model", weights["image"]]
    outcome = perceiver(*call, "--strict", "--format", "jsonl")
    assert outcome.returncode == 1
    cut, whole = map(json.loads, outcome.stdout.splitlines())
    assert cut["error"] == {"kind": "corrupt", "message": "the JPEG file lacks its end"} | {
        key: None for key in cut["error"] if key not in ("kind", "message")
    }
    assert whole["status"] == "ok"
    assert whole["notes"] == []


@pytest.mark.parametrize("ending", ["npy", "tif"])
def test_pixels_that_are_not_finite_are_told(perceiver, weights, tmp_path, ending):
    pixels = np.random.default_rng(0).random((40, 40), np.float32)
    paths = [tmp_path / f"{name}.{ending}" for name in ("gaps", "whole")]
    for path, least in zip(paths, (np.nan, 0.0), strict=True):
        pixels[:10] = least
        if np.isnan(least):
            pixels[:5].view(np.uint32)[:] = 0x7F800001  # signalling NaN
        if ending == "npy":
            np.save(path, np.repeat(pixels[..., None], 3, 2))
        else:
            Image.fromarray(pixels).save(path)
    call = ["classify", *map(str, paths), "--model", weights["image"], "--format", "jsonl"]
    outcome = perceiver(*call)
    assert outcome.returncode == 0
    assert b"Warning" not in outcome.stderr
    note = "pixels that are not finite are read as the smallest value"
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [record["notes"] for record in records] == [[note], []]
    assert records[0]["predictions"] == records[1]["predictions"]
    assert perceiver(*call, "--strict").returncode == 1


@pytest.mark.parametrize("start_s", [3, 18])
def test_strict_fails_a_long_sound_wherever_its_gap_is(run, weights, tmp_path, start_s):
    path = make_sound_with_gap(tmp_path / "gap.wav", 20, start_s, start_s + 0.1)
    call = ["classify", path, "--model", weights["audio"], "--format", "jsonl"]
    note = "samples that are not finite are read as silence"
    outcome = run(*call)
    assert json.loads(outcome.stdout)["notes"] == [note]
    assert outcome.exit_code == 0
    outcome = run(*call, "--strict")
    assert json.loads(outcome.stdout)["error"]["message"] == note
    assert json.loads(outcome.stdout)["path"] == str(path)
    assert outcome.exit_code == 1
