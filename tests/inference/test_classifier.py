"""The Python API: the same Results as the command, in order, with bounded read-ahead."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageChops

from perceiver_cli import Classification, Classifier, Failure
from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.familiar import FamiliarityStatistics
from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint
from perceiver_cli.errors import CheckpointError, UsageError
from perceiver_cli.inference import engine
from perceiver_cli.inference.settings import ClassifierSettings
from perceiver_cli.media.source import Source
from perceiver_cli.model.quantization import kernels, precision
from perceiver_cli.preparation.image import ImageRecipe
from tests.conftest import make_weights
from tests.samples import make_av, make_picture, make_sound


def test_the_api_gives_what_the_command_prints(bundle, media, run):
    classifier = Classifier()
    for path in media.values():
        printed = json.loads(run("classify", path, "--format", "jsonl").stdout)
        own = json.loads(json.dumps(classifier.classify(path).to_dict()))
        for record in (printed, own):
            record.pop("seconds")
        assert own == printed


def test_results_come_in_input_order_whatever_the_kind(bundle, media, tmp_path):
    empty = tmp_path / "empty.jpg"
    empty.touch()
    paths = [
        media["av"],
        empty,
        media["image"],
        media["audio"],
        media["image"],
        media["pointcloud"],
    ]
    results = list(Classifier(batch_size=4).stream(paths))
    assert [r.path for r in results] == [str(p) for p in paths]
    assert [r.status for r in results] == ["ok", "error", "ok", "ok", "ok", "ok"]
    assert results[1].error.kind == "empty"
    assert results[2].predictions == results[4].predictions


def different_pictures(folder):
    """Five pictures, each of another colour, so that no two have the same scores."""
    colours = ("red", "green", "navy", "white", "orange")
    paths = [folder / f"{name}.png" for name in colours]
    for number, (path, name) in enumerate(zip(paths, colours, strict=True)):
        picture = Image.radial_gradient("L").resize((40 + 10 * number, 50))
        Image.merge("RGB", [picture] * 3).save(path)
        ImageChops.multiply(Image.open(path), Image.new("RGB", picture.size, name)).save(path)
    return paths


def test_a_batch_gives_what_single_calls_give(weights, tmp_path):
    paths = different_pictures(tmp_path)
    classifier = Classifier(str(weights["image"]))
    together = list(classifier.stream(paths))
    assert len({tuple(p.score for p in result.predictions) for result in together}) == 5
    for path, result in zip(paths, together, strict=True):
        alone = classifier.classify(path)
        assert [p.label for p in alone.predictions] == [p.label for p in result.predictions]
        for a, b in zip(alone.predictions, result.predictions, strict=True):
            assert a.score == pytest.approx(b.score, abs=2e-4)


def test_a_batch_is_read_in_parts_where_its_byte_arrays_are_large(weights, tmp_path, monkeypatch):
    paths = different_pictures(tmp_path)
    together = list(Classifier(str(weights["image"])).stream(paths))
    forward, sizes = engine.Engine.forward, []

    def noting(self, windows, attention):
        sizes.append(len(windows))
        return forward(self, windows, attention)

    monkeypatch.setattr(engine.Engine, "forward", noting)
    monkeypatch.setattr(engine, "MAX_BATCH_BYTES", 1)
    in_parts = list(Classifier(str(weights["image"])).stream(paths))
    assert sizes == [1] * 5
    for a, b in zip(together, in_parts, strict=True):
        assert (a.path, a.predictions[0].label) == (b.path, b.predictions[0].label)
        assert a.predictions[0].score == pytest.approx(b.predictions[0].score, abs=2e-4)


@pytest.mark.parametrize(
    ("options", "ahead"),
    [
        ({"threads": 1}, 6),
        ({"threads": 5}, 30),
        ({"threads": 5, "preview_sides": (20, 20)}, 4),
    ],
)
def test_three_batches_are_read_ahead_or_four_previews(weights, media, options, ahead):
    asked, enough = [], threading.Event()

    def endless():
        while True:
            asked.append(1)
            if len(asked) == 20 + ahead:
                enough.set()
            yield media["image"]

    classifier = Classifier(str(weights["image"]), batch_size=2, attention=False, **options)
    stream = classifier.stream(endless())
    for _ in range(20):
        assert next(stream).ok
    assert enough.wait(30)
    assert len(asked) <= 20 + ahead + 1
    stream.close()


@pytest.mark.parametrize(("threads", "most"), [(1, 16), (2, 8), (8, 4)])
def test_a_batch_is_divided_among_the_threads(weights, media, monkeypatch, threads, most):
    forward, sizes = engine.Engine.forward, []

    def noting(self, windows, attention):
        sizes.append(len(windows))
        return forward(self, windows, attention)

    monkeypatch.setattr(engine.Engine, "forward", noting)
    classifier = Classifier(str(weights["image"]), batch_size=16, threads=threads, attention=False)
    list(classifier.stream([media["image"]] * 48))
    assert sum(sizes) == 48
    assert max(sizes) <= most


def test_a_model_is_loaded_once(weights, media):
    classifier = Classifier(str(weights["image"]))
    items = [classifier.prepare(Source(str(media["image"]))) for _ in range(2)]
    assert classifier.engine_of(items[0]) is classifier.engine_of(items[1])


def test_a_file_that_disappears_or_changes_while_it_is_read(bundle, tmp_path, monkeypatch):
    from perceiver_cli.inference.decoding import decode

    detect = decode.detect

    def detect_and_change(source):
        detection = detect(source)
        path = tmp_path / source.path
        if path.name == "gone.png":
            path.unlink()
        elif path.name == "grown.png":
            path.write_bytes(path.read_bytes() + b"more" * 100)
        elif path.name == "cut.png":
            path.write_bytes(path.read_bytes()[:60])
        return detection

    monkeypatch.setattr(decode, "detect", detect_and_change)
    paths = [make_picture(tmp_path / f"{n}.png") for n in ("gone", "grown", "cut", "same")]
    results = list(Classifier(attention=False).stream(paths))
    assert [r.error and r.error.kind for r in results] == ["unreadable", None, "corrupt", None]


def test_an_exception_that_no_loader_foresaw_is_a_result(bundle, media, monkeypatch):

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("perceiver_cli.media.image.load_picture", fail)
    result = Classifier().classify(media["image"])
    assert result.error.kind == "corrupt"


def test_long_sounds_are_read_in_windows(weights, media):
    result = Classifier(str(weights["audio"])).classify(media["audio"])
    assert len(result.segments) >= 2
    starts = [segment["start_s"] for segment in result.segments]
    assert starts[0] == 0
    assert starts == sorted(starts)


def test_the_answer_is_a_class_a_wider_term_or_none(weights, media):
    def answer(**options):
        result = Classifier(str(weights["image"]), **options).classify(media["image"])
        return result.answer, result.confident

    assert answer() == (None, False)
    found, confident = answer(sure=0.0)
    assert (found.level, confident) == ("class", True)
    found, confident = answer(sure=0.5, classes=["animal"])
    assert (found.label, found.level, confident) == ("pet", "group", False)
    found, confident = answer(sure=0.99, classes=["pet", "N05"])
    assert (found.label, found.level, found.score, confident) == ("animal", "kind", 1.0, False)


def test_scores_are_shared_by_the_classes_asked_for(weights, media):
    everything = Classifier(str(weights["image"]), top=None).classify(media["image"])
    some = Classifier(str(weights["image"]), classes=["Cat", "wave"]).classify(media["image"])
    scores = {p.label: p.score for p in everything.predictions}
    shared = {p.label: p.score for p in some.predictions}
    total = scores["cat"] + scores["wave"]
    assert shared == {label: pytest.approx(scores[label] / total, abs=1e-3) for label in shared}
    assert set(shared) == {"cat", "wave"}
    assert some.among == ["n00", "n04"]
    assert everything.among is None


def test_classes_that_no_weights_know_are_refused(bundle, weights):
    with pytest.raises(UsageError, match="'tea pot'; did you mean teapot"):
        Classifier(classes=["cat", "tea pot"])


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"top": 0}, "top must be at least 1 (got 0)"),
        ({"top": -3}, "top must be at least 1 (got -3)"),
        ({"top": 2.5}, "top must be an integer (got 2.5)"),
        ({"top": "5"}, "top must be a number (got '5')"),
        ({"sure": 2}, "sure must be between 0 and 1 (got 2)"),
        ({"sure": -1}, "sure must be between 0 and 1 (got -1)"),
        ({"min_score": 1.5}, "min_score must be between 0 and 1 (got 1.5)"),
        ({"min_score": float("nan")}, "min_score must be between 0 and 1 (got nan)"),
        ({"batch_size": 0}, "batch_size must be at least 1 (got 0)"),
        ({"threads": 100_000}, "threads must be between 1 and 1024 (got 100000)"),
        ({"threads": 0}, "threads must be between 1 and 1024 (got 0)"),
        ({"decoders": 0}, "decoders must be at least 1 (got 0)"),
        ({"windows": 0}, "windows must be at least 1 (got 0)"),
        ({"timeout": -1}, "timeout must be at least 0 (got -1)"),
        ({"classes": "cat"}, "classes must be a list of names, such as ['cat']"),
    ],
)
def test_arguments_out_of_range_are_refused(bundle, argument, words):
    with pytest.raises(UsageError) as caught:
        Classifier(**argument)
    assert str(caught.value) == words


def test_a_failure_is_read_like_a_classification(bundle, media, tmp_path):
    good, bad = Classifier().stream([media["image"], tmp_path / "missing.jpg"])
    assert isinstance(good, Classification)
    assert isinstance(bad, Failure)
    assert bad.predictions == bad.segments == bad.events == bad.notes == []
    assert bad.input == bad.read == {}
    assert bad.has_signal is False
    assert bad.answer is bad.confident is bad.familiar is bad.attention is bad.model is None
    record = bad.to_dict()
    assert record.keys() == good.to_dict().keys()
    assert all(getattr(bad, name) == record[name] for name in record if name != "error")


def test_three_names_at_most_are_suggested(tmp_path):
    recipe = ImageRecipe(size=16, patch=4, bands=2)
    names = tuple(f"bell {number}" for number in range(5))
    path = make_weights(tmp_path / "bells.safetensors", recipe, classes=names)
    with pytest.raises(UsageError) as caught:
        Classifier(str(path), classes=["bell"])
    said, _, suggested = str(caught.value).partition("; did you mean ")
    assert said == "no such class, group or kind: 'bell'"
    assert len(suggested.split(" or ")) == 3


def test_classes_are_looked_up_in_the_weights_that_are_there(bundle, media, tmp_path, monkeypatch):
    """Weights of other modalities may be missing."""
    shutil.copy(bundle / "tiny-image.safetensors", tmp_path)
    monkeypatch.setattr(registry, "bundled_folder", lambda: tmp_path)
    result = Classifier(classes=["cat"]).classify(media["image"])
    assert [p.label for p in result.predictions] == ["cat"]


def test_a_stream_that_comes_alone_has_a_temperature_of_its_own(weights, media, tmp_path):
    plain = load_checkpoint(weights["av"])
    header = replace(plain.header, temperature=0.5, stream_temperatures={"video": 50.0})
    save_checkpoint(tmp_path / "other.safetensors", replace(plain, header=header))

    def best(model, kind):
        classifier = Classifier(str(model), top=None, precision="float32")
        return classifier.classify(media[kind]).predictions[0].score

    even = 1 / len(plain.header.labels)
    assert best(tmp_path / "other.safetensors", "av") > best(weights["av"], "av")
    flat = best(tmp_path / "other.safetensors", "video")
    assert even < flat < even + 0.01 < best(weights["av"], "video")


def test_top_and_min_score(weights, media):
    path = media["image"]
    every = Classifier(str(weights["image"]), top=None).classify(path).predictions
    assert sum(p.score for p in every) == pytest.approx(1, abs=1e-3)
    assert len(Classifier(str(weights["image"]), top=2).classify(path).predictions) == 2
    middle = every[2].score
    above = Classifier(str(weights["image"]), min_score=middle).classify(path).predictions
    assert all(p.score >= middle - 1e-4 for p in above)
    assert len(above) < len(every)


def test_a_model_refuses_other_modalities_but_av_reads_silent_video(weights, media):
    picture = Classifier(str(weights["image"]))
    refused = picture.classify(media["audio"])
    assert refused.error.kind == "unsupported"
    assert refused.error.message == "is a sound, but tiny-image reads pictures"
    refused = Classifier(str(weights["av"])).classify(media["image"])
    assert refused.error.message == "is a picture, but tiny-av reads videos"
    assert Classifier(str(weights["av"])).classify(media["video"]).ok


def test_names_that_lead_nowhere(bundle):
    with pytest.raises(UsageError, match="did you mean tiny-image"):
        Classifier("tiny-imagee")
    with pytest.raises(CheckpointError, match="no such file"):
        Classifier("nowhere.safetensors")
    with pytest.raises(UsageError, match="device cuda"):
        Classifier(device="cuda")
    with pytest.raises(UsageError, match="auto, float32, bfloat16, int8"):
        Classifier(precision="float16")
    with pytest.raises(ValueError, match="no such modality: smell"):
        Classifier(modality="smell")


@pytest.mark.parametrize(
    ("part", "wrong", "message"),
    [
        ("recipe", {"spacing": "linaer"}, "input setting spacing must be linear or log"),
        ("recipe", {"patch": "4"}, "input setting patch must be an integer"),
        ("model", {"readout": "man"}, "header value model.readout must be mean or query"),
    ],
)
def test_settings_in_a_checkpoint_are_checked(weights, media, tmp_path, run, part, wrong, message):
    checkpoint = load_checkpoint(weights["image"])
    values = getattr(checkpoint.header, part)
    changed = values | wrong if part == "recipe" else replace(values, **wrong)
    path = tmp_path / "changed.safetensors"
    save_checkpoint(path, replace(checkpoint, header=replace(checkpoint.header, **{part: changed})))
    outcome = run("classify", media["image"], "--model", path)
    assert outcome.exit_code == 3
    assert message in outcome.stderr
    assert outcome.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8"])
def test_every_precision_answers_where_only_plain_products_run(bundle, media, monkeypatch, name):
    found = Classifier(precision=name, top=None).classify(media["image"])
    monkeypatch.setattr(kernels, "available", kernels.Kernels)
    plain = Classifier(precision=name, top=None).classify(media["image"])
    scores = {p.index: p.score for p in found.predictions}
    assert [p.score for p in plain.predictions] == pytest.approx(
        [scores[p.index] for p in plain.predictions], abs=0.01
    )


def test_a_precision_that_does_not_run_is_refused_in_one_line(bundle, media, run, monkeypatch):
    monkeypatch.setattr(precision, "multiplies_correctly", lambda *_: False)
    outcome = run("classify", media["image"], "--precision", "bfloat16")
    assert outcome.exit_code == 2
    assert outcome.stderr == ("perceiver: bfloat16 does not run on the device cpu: try float32\n")


def test_importing_the_package_imports_no_torch():
    code = "import sys, perceiver_cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_decoding_processes_import_no_torch():
    code = (
        "import sys, perceiver_cli.inference.decoding.worker\n"
        "from perceiver_cli.preparation import audio, image, pointcloud, video\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_no_prediction_is_left_out_by_default(weights, media, tmp_path):
    """Not even those whose score is 0 in the record."""
    plain = load_checkpoint(weights["image"])
    sure = replace(plain, header=replace(plain.header, temperature=1e-4))
    save_checkpoint(tmp_path / "sure.safetensors", sure)
    predictions = (
        Classifier(str(tmp_path / "sure.safetensors")).classify(media["image"]).predictions
    )
    assert len(predictions) == 5
    assert [p.score for p in predictions] == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_each_result_comes_with_the_item_that_it_was_predicted_from(bundle, media, tmp_path):
    (tmp_path / "empty.jpg").touch()
    paths = [media["image"], tmp_path / "empty.jpg", media["pointcloud"]]
    for path, (item, result) in zip(paths, Classifier().stream_items(paths), strict=True):
        assert item.source.path == result.path == str(path)


def test_of_a_long_file_its_clearest_window_is_previewed(weights, tmp_path):
    path = make_sound(tmp_path / "long.wav", 12.0)
    classifier = Classifier(str(weights["audio"]), preview_sides=(20, 20))
    ((item, result),) = classifier.stream_items([path])
    assert len(result.segments) > 16
    best = result.predictions[0].label
    scores = [s["score"] if s["label"] == best else 0 for s in result.segments]
    assert item.source.part == (scores.index(max(scores)), 1)
    (window,) = item.windows
    assert window.location["start_s"] == result.segments[item.source.part[0]]["start_s"]


def test_a_long_silent_film_has_the_limit_of_silent_films(weights, tmp_path):
    plain = load_checkpoint(weights["av"])
    width = plain.header.model.width
    means = {name: np.zeros((1, width)) for name in ("", "video")}
    statistics = FamiliarityStatistics(np.eye(width), means, {"": 1e-9, "video": 1e9})
    path = tmp_path / "familiar.safetensors"
    header = replace(plain.header, familiar=statistics.to_dict())
    save_checkpoint(path, replace(plain, header=header))
    film = make_av(tmp_path / "silent.mp4", 10.0, sound=None)
    short = Classifier(str(path)).classify(film)
    long = Classifier(str(path), timeline=True).classify(film)
    assert len(long.segments) > 16
    assert short.familiar is long.familiar is True


def test_settings_are_the_arguments_of_a_classifier():
    arguments = inspect.signature(Classifier.__init__).parameters
    of_each_caller = {"self", "attention", "decoders", "timeout", "preview_sides"}
    wanted = {name: arguments[name].annotation for name in arguments if name not in of_each_caller}
    found = ClassifierSettings.__annotations__
    assert {name: found[name].__forward_arg__ for name in found} == wanted


def test_windows_and_events_are_of_the_classes_asked_for(weights, tmp_path):
    path = make_sound(tmp_path / "long.wav", seconds=48)
    model = str(weights["audio"])
    everything = Classifier(model, top=None).classify(path)
    best = everything.predictions[0].label
    some = Classifier(model, classes=["dog", "zebra, with stripes"]).classify(path)
    assert {segment["label"] for segment in some.segments} <= {"dog", "zebra, with stripes", None}
    alone = Classifier(model, classes=[best]).classify(path)
    assert {segment["label"] for segment in alone.segments} <= {best, None}
    heard = [event for event in everything.events if event["label"] in {best, "silence"}]
    assert alone.events == heard
    assert len(heard) < len(everything.events)


def test_a_file_is_read_whole_or_in_so_many_windows(bundle):
    with pytest.raises(UsageError, match="cannot be combined"):
        Classifier(timeline=True, windows=3)
