"""Preparation of a source to an item."""

from dataclasses import replace

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint
from perceiver_cli.inference.decoding import preparer
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Preview, ReadOptions
from perceiver_cli.report.input_words import input_in_words
from tests.samples import make_animation, make_av, make_picture


def test_a_named_models_header_is_read_once(weights, media, monkeypatch):
    read = []

    def read_header(path):
        read.append(path)
        return real(path)

    real = preparer.read_header
    monkeypatch.setattr(preparer, "read_header", read_header)
    made = preparer.Preparer(weights["image"])
    for _ in range(3):
        assert isinstance(made.prepare(Source(str(media["image"]))), PreparedItem)
        assert isinstance(made.prepare(Source(str(media["audio"]))), FailedItem)
    assert read == [weights["image"]]


def test_windows_of_a_long_sound_are_as_far_apart_as_its_checkpoint_says(weights, media, tmp_path):
    """Unless the call says otherwise."""
    plain = load_checkpoint(weights["audio"])
    path = tmp_path / "close.safetensors"
    save_checkpoint(path, replace(plain, header=replace(plain.header, events={"hop_s": 0.25})))

    def hop_of(weights, **reading):
        made = preparer.Preparer(weights, read_options=ReadOptions(timeline=True, **reading))
        first, second, *_ = made.prepare(Source(str(media["audio"]))).windows
        return second.location["start_s"] - first.location["start_s"]

    assert hop_of(path) == 0.25
    assert hop_of(path, hop_s=0.125) == 0.125
    assert hop_of(weights["audio"]) == 0.5


def test_what_is_named_as_another_modality_is_refused(weights, media):
    made = preparer.Preparer(dict(weights), modality="image")
    error = made.prepare(Source(str(media["audio"]))).error
    assert error.kind == "unsupported"
    assert error.message.startswith("is a sound (")
    assert error.message.endswith("), not a picture")


@pytest.mark.parametrize(("modality", "streams"), [("video", {"video"}), ("audio", {"audio"})])
def test_one_stream_of_a_film_alone(weights, media, modality, streams):
    item = preparer.Preparer(dict(weights), modality=modality).prepare(Source(str(media["av"])))
    assert item.detection.modality == modality
    assert item.detection.reason == "MP4 with pictures and sound"
    assert item.weights == weights[modality]
    assert all(window.arrays.keys() == streams for window in item.windows)
    assert item.notes == ()
    if modality == "video":
        assert item.facts["sound"]  # of the file, though it is not read


@pytest.mark.parametrize(
    ("file", "modality"), [("video", "av"), ("video", "audio"), ("audio", "av")]
)
def test_streams_that_a_file_lacks_are_refused(weights, media, file, modality):
    error = (
        preparer.Preparer(dict(weights), modality=modality).prepare(Source(str(media[file]))).error
    )
    assert error.kind == "unsupported"
    assert "), not a" in error.message


@pytest.mark.parametrize(("modality", "words"), [("av", "with sound, "), ("audio", "stereo, ")])
def test_several_sound_tracks_are_a_fact_and_no_note(weights, tmp_path, modality, words):
    path = make_av(tmp_path / "two.mkv", 1.0, sound_tracks=2)
    strict = preparer.Preparer(dict(weights), modality=modality, strict=True)
    item = strict.prepare(Source(str(path)))
    assert item.facts["sound_tracks"] == 2
    assert input_in_words(modality, item.facts).endswith(f"{words}one of 2 sound tracks")
    pictures = preparer.Preparer(dict(weights), modality="video").prepare(Source(str(path)))
    assert "sound_tracks" not in pictures.facts


def test_previews_are_made_only_if_they_are_asked_for(weights, media):
    source = Source(str(media["image"]))
    assert preparer.Preparer(dict(weights)).prepare(source).preview == Preview()
    shown = preparer.Preparer(dict(weights), preview_sides=(40, 20)).prepare(source).preview
    assert shown.size == (451, 300)
    assert len(shown.frames) == 1


def test_a_strict_run_fails_what_had_to_be_repaired(weights, tmp_path):
    whole = make_picture(tmp_path / "whole.jpg", 200, 100).read_bytes()
    source = Source("cut.jpg", whole[: len(whole) - 200])
    lenient = preparer.Preparer(dict(weights)).prepare(source)
    assert len(lenient.notes) == 1
    strict = preparer.Preparer(dict(weights), strict=True).prepare(source)
    assert (strict.error.kind, strict.error.message) == ("corrupt", lenient.notes[0])


@pytest.mark.parametrize("name", ["photo.jpg", "film.mp4", "film.gif"])
def test_what_a_model_reads_is_the_same_beside_a_preview(weights, tmp_path, name):
    path = tmp_path / name
    if name == "photo.jpg":
        make_picture(path, 500, 375)
    elif name == "film.mp4":
        make_av(path)
    else:
        make_animation(path, [200] * 4)
    plain = preparer.Preparer(dict(weights))
    one, other = (
        made.prepare(Source(str(path))) for made in (plain, replace(plain, preview_sides=(300, 46)))
    )
    for stream, array in one.windows[0].arrays.items():
        np.testing.assert_array_equal(array, other.windows[0].arrays[stream])
    assert one.windows[0].location["width"] == other.windows[0].location["width"]
    height, width = other.preview.frames[0].shape[-3:-1]
    assert min(height, width) >= (300 if path.suffix == ".jpg" else 46)
