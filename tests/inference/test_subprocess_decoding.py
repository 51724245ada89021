"""Decoders that hang, crash, exit and eat memory, in real processes.

A module named soundfile stands in for the real one, in the processes only; where it merely fails,
PyAV reads the sound instead.
"""

import json
import sys

import pytest

from perceiver_cli import Classifier
from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding import steps
from perceiver_cli.inference.decoding.subprocesses import Apart
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.audio import AudioPreparation, AudioRecipe
from perceiver_cli.preparation.image import ImagePreparation, ImageRecipe
from tests.samples import make_picture, make_sound

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals")

BAD_DECODER = """
import os, time

class SoundFile:
    def __init__(self, stream):
        how = stream.read(-1)[-6:].strip()
        if how == b"hang":
            time.sleep(600)
        if how == b"crash":
            os.abort()
        if how == b"exit":
            os._exit(3)
        if how == b"print":
            os.write(1, b"a complaint" * 1000)
        if how == b"memory":
            bytearray(2**34)
            os._exit(4)
        if how == b"killed":
            os.kill(os.getpid(), 9)
        raise ValueError("unknown")
"""


@pytest.fixture
def bad(tmp_path, monkeypatch):
    """bad(how) -> a sound file on which the decoder behaves like that."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "soundfile.py").write_text(BAD_DECODER)
    sound = make_sound(tmp_path / "good.wav").read_bytes()
    monkeypatch.syspath_prepend(modules)

    def make(how: str):
        path = tmp_path / f"{how}.wav"
        path.write_bytes(sound[:40] + how.encode().rjust(6))
        return path

    return make


@pytest.fixture
def apart():
    places = []

    def make(limit_s: float) -> Apart:
        places.append(Apart(limit_s))
        return places[-1]

    yield make
    for place in places:
        place.close()


def prepare(place: Apart, path):
    source = Source(str(path))
    preparation = AudioPreparation(AudioRecipe(rate=8000, window_s=1.0))
    return place.prepare(source, place.detect(source), preparation)


def test_windows_arrive_as_they_are_in_this_process(apart, media):
    source = Source(str(media["image"]))
    place = apart(60)
    detection = place.detect(source)
    assert detection == steps.detect(source)
    preparation = ImagePreparation(ImageRecipe(size=32))
    here, there = (each.prepare(source, detection, preparation) for each in (steps, place))
    (window,), (expected,) = there.windows, here.windows
    assert (window.arrays["image"] == expected.arrays["image"]).all()
    assert (window.place, there.facts) == (expected.place, here.facts)
    assert len(place._all) == 1


def test_errors_arrive_as_they_are_in_this_process(apart, tmp_path):
    with pytest.raises(InputError, match="no such file") as caught:
        apart(60).detect(Source(str(tmp_path / "missing.wav")))
    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        ("crash", "corrupt", "crashes its decoder"),
        ("exit", "corrupt", "exit code 3"),
        pytest.param("killed", "too_large", "want of memory", marks=POSIX),
    ],
)
def test_a_decoder_that_ends_is_replaced(apart, bad, media, how, kind, says):
    place = apart(60)
    for _ in range(2):
        with pytest.raises(InputError, match=says) as caught:
            prepare(place, bad(how))
        assert caught.value.kind == kind
    assert place.detect(Source(str(media["audio"]))).modality == "audio"
    assert len(place._all) == 1


def test_a_decoder_that_hangs_is_ended(apart, bad):
    place = apart(0.5)
    with pytest.raises(InputError, match="took too long") as caught:
        prepare(place, bad("hang"))
    assert caught.value.kind == "timeout"


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux")
def test_a_decoder_that_eats_memory_gets_none(apart, bad):
    assert prepare(apart(60), bad("memory")).facts["channels"] == 1


def test_what_a_decoder_prints_goes_nowhere(apart, bad):
    assert prepare(apart(60), bad("print")).facts["channels"] == 1


def test_a_process_that_died_between_two_inputs_takes_none_along(apart, media):
    place = apart(60)
    source = Source(str(media["image"]))
    place.detect(source)
    place._all[0]._process.kill()
    place._all[0]._process.wait()
    assert place.detect(source).modality == "image"


def test_the_order_and_the_rest_are_untouched(bundle, bad, tmp_path):
    picture = make_picture(tmp_path / "a.png")
    paths = [picture, bad("hang"), picture, bad("crash"), picture, bad("exit"), picture]
    results = list(Classifier(attention=False, timeout=2.0).stream(paths))
    assert [r.path for r in results] == [str(p) for p in paths]
    assert [r.error.kind for r in results if not r.ok] == ["timeout", "corrupt", "corrupt"]
    assert len({json.dumps([p.score for p in r.predictions]) for r in results if r.ok}) == 1


def test_a_command_for_few_inputs_starts_no_process(run, bundle, media, monkeypatch):
    started = []
    monkeypatch.setattr(
        "perceiver_cli.inference.classifier.Apart", lambda limit: started.append(limit)
    )
    assert run("classify", media["image"], media["audio"]).exit_code == 0
    assert not started


def test_a_command_for_many_inputs_limits_each(run, bundle, bad, media):
    paths = [media["image"], bad("hang"), media["image"], bad("crash"), media["image"]]
    outcome = run("classify", *paths, "--format", "jsonl", "--timeout", "2")
    assert outcome.exit_code == 1
    records = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert [(r["error"] or {}).get("kind") for r in records] == [
        None, "timeout", None, "corrupt", None,
    ]  # fmt: skip
    assert "--timeout" in outcome.stderr
