"""Decoders that hang, crash, exit or exhaust memory, in real processes.

A module named soundfile stands in for the real one, in the processes only; where it merely fails,
PyAV reads the sound instead.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from perceiver_cli import Classifier
from perceiver_cli.errors import CheckpointError
from perceiver_cli.inference.decoding import subprocess_decoder
from perceiver_cli.inference.decoding.decoders import InProcessDecoder
from perceiver_cli.inference.decoding.items import FailedItem
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.decoding.subprocess_decoder import (
    DecodingPool,
    DecodingProcess,
    SubprocessDecoder,
)
from perceiver_cli.media.source import Source
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
        if how == b"leave":
            os._exit(0)
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
def decoder(weights):
    """decoder(limit_s) -> a decoder in other processes, for the tiny weights."""
    decoders = []

    def make(limit_s: float) -> SubprocessDecoder:
        decoders.append(SubprocessDecoder(DecodingPool(Preparer(dict(weights))), limit_s))
        return decoders[-1]

    yield make
    for each in decoders:
        each.close()
        each.pool.close()


@pytest.fixture
def started(monkeypatch):
    """The decoding processes that were started, in order."""
    processes = []

    def start():
        processes.append(DecodingProcess())
        return processes[-1]

    monkeypatch.setattr(subprocess_decoder, "DecodingProcess", start)
    return processes


def prepare(decoder: SubprocessDecoder, path):
    return decoder.prepare(Source(str(path)))


def test_items_arrive_as_they_are_in_this_process(decoder, media):
    there = prepare(decoder(60), media["image"])
    here = InProcessDecoder(decoder(60).pool.preparer).prepare(Source(str(media["image"])))
    (window,), (expected,) = there.windows, here.windows
    assert (window.arrays["image"] == expected.arrays["image"]).all()
    assert window.location == expected.location
    for name in ("source", "detection", "weights", "facts", "notes", "kind"):
        assert getattr(there, name) == getattr(here, name)


@pytest.mark.skipif(sys.platform != "linux", reason="the size of pipes")
def test_a_user_whose_pipes_may_not_grow_gets_small_ones(decoder, media, monkeypatch):
    """Without privileges, all pipes of a user together have a limit (pipe-user-pages-soft)."""
    import fcntl

    real = fcntl.fcntl

    def limited(pipe, command, *arguments):
        if command == fcntl.F_SETPIPE_SZ:
            raise PermissionError(1, "Operation not permitted")
        return real(pipe, command, *arguments)

    monkeypatch.setattr(fcntl, "fcntl", limited)
    item = decoder(60).prepare(Source(str(media["image"])))
    assert item.detection.modality == "image"


def test_one_process_serves_one_input_after_the_other(decoder, media, started):
    place = decoder(60)
    for _ in range(3):
        prepare(place, media["image"])
    assert [process.alive for process in started] == [True]


@pytest.mark.parametrize("limit_s", [0, 60])
def test_a_process_that_waits_for_work_stays(decoder, media, limit_s):
    place = decoder(limit_s)
    prepare(place, media["image"])
    process = place.pool.take()
    time.sleep(1.2)
    assert process.alive
    place.pool.give_back(process)


def test_nothing_is_decoded_after_the_end_of_the_run(decoder, media):
    place = decoder(0)
    place.close()
    assert prepare(place, media["image"]).error.message == "was not read because the run ended"


def test_a_process_that_is_given_back_to_a_closed_pool_ends(weights):
    pool = DecodingPool(Preparer(dict(weights)))
    idle, busy = pool.take(), pool.take()
    pool.give_back(idle)
    pool.close()
    assert (idle.alive, busy.alive) == (False, True)
    pool.give_back(busy)
    assert not busy.alive


def test_the_content_of_a_pipe_stays_with_its_item(decoder, media):
    source = Source("-", media["image"].read_bytes())
    assert decoder(60).prepare(source).source is source


def test_pictures_for_people_come_along(decoder, media, weights):
    preparer = Preparer(dict(weights), preview_sides=(250, 250))
    place = decoder(60)
    place.pool.preparer = preparer
    preview = prepare(place, media["image"]).preview
    assert preview.size == (451, 300)
    assert min(preview.frames[0].shape[:2]) >= 250


class CountingLock:
    """A lock that counts how often it was held."""

    def __init__(self):
        self.times = 0

    def __enter__(self):
        self.times += 1

    def __exit__(self, *_):
        pass


def test_a_large_input_waits_for_its_turn(decoder, media, tmp_path):
    place = decoder(120)
    place.pool.large = CountingLock()
    assert not isinstance(prepare(place, media["image"]), FailedItem)
    assert place.pool.large.times == 0
    path = tmp_path / "large.png"
    Image.new("L", (7600, 7600), 90).save(path, compress_level=1)
    item = prepare(place, path)
    assert item.facts["width"] == 7600
    assert place.pool.large.times == 1
    # The process serves on.
    assert not isinstance(prepare(place, media["image"]), FailedItem)
    assert place.pool.large.times == 1


def test_errors_arrive_as_they_are_in_this_process(decoder, tmp_path):
    error = prepare(decoder(60), tmp_path / "missing.wav").error
    assert (error.kind, error.message) == ("unreadable", "no such file")


def test_missing_weights_end_the_run(decoder, media):
    place = decoder(60)
    place.pool.preparer = Preparer({"image": CheckpointError("the weights are missing")})
    with pytest.raises(CheckpointError, match="the weights are missing"):
        prepare(place, media["image"])


@pytest.mark.parametrize(
    ("how", "kind", "says"),
    [
        ("crash", "corrupt", "the decoder crashed on it"),
        ("exit", "corrupt", "exit code 3"),
        ("leave", "corrupt", "exit code 0"),
        pytest.param("killed", "too_large", "probably out of memory", marks=POSIX),
    ],
)
def test_a_decoder_that_ends_is_replaced(decoder, bad, media, started, how, kind, says):
    place = decoder(60)
    for _ in range(2):
        error = prepare(place, bad(how)).error
        assert error.kind == kind
        assert says in error.message
    assert prepare(place, media["audio"]).detection.modality == "audio"
    assert [process.alive for process in started] == [False, False, True]


def test_a_decoder_that_hangs_is_ended(decoder, bad):
    error = prepare(decoder(0.5), bad("hang")).error
    assert error.kind == "timeout"
    assert "timed out" in error.message


# A host process that may not have more memory than this itself.
LIMITED = """
import resource
from perceiver_cli.inference.decoding.items import FailedItem
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.decoding.subprocess_decoder import DecodingPool
resource.setrlimit(resource.RLIMIT_AS, (2**31 - 2**26, 2**31 - 2**26))
pool = DecodingPool(Preparer({}))
assert pool.take().alive
pool.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux")
def test_a_limit_of_the_host_process_is_kept():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux")
def test_what_needs_more_memory_than_a_process_has_is_too_large(decoder, tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    shape = (40_000_000, 3)
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 24 * shape[0])  # takes no room on the disk
    monkeypatch.setenv("PERCEIVER_MAX_WORKER_BYTES", str(10**9))
    error = prepare(decoder(60), path).error
    assert error.kind == "too_large"
    assert "1,000,000,000 bytes (PERCEIVER_MAX_WORKER_BYTES changes that)" in error.message


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux")
def test_a_decoder_that_eats_memory_gets_none(decoder, bad):
    assert prepare(decoder(60), bad("memory")).facts["channels"] == 1


def test_what_a_decoder_prints_goes_nowhere(decoder, bad):
    assert prepare(decoder(60), bad("print")).facts["channels"] == 1


def test_a_process_that_died_between_two_inputs_takes_none_along(decoder, media, started):
    place = decoder(60)
    prepare(place, media["image"])
    started[0].kill()
    assert prepare(place, media["image"]).detection.modality == "image"


def test_the_order_and_the_rest_are_untouched(bundle, bad, tmp_path):
    picture = make_picture(tmp_path / "a.png")
    paths = [picture, bad("hang"), picture, bad("crash"), picture, bad("exit"), picture]
    results = list(Classifier(attention=False, timeout=2.0).stream(paths))
    assert [r.path for r in results] == [str(p) for p in paths]
    assert [r.error.kind for r in results if not r.ok] == ["timeout", "corrupt", "corrupt"]
    assert len({json.dumps([p.score for p in r.predictions]) for r in results if r.ok}) == 1


def test_processes_outlive_a_stream_and_end_with_the_classifier(bundle, media, started):
    with Classifier(attention=False, timeout=60, decoders=1) as classifier:
        first = classifier.classify(media["image"])
        results = list(classifier.stream([media["audio"], media["image"]]))
        assert [process.alive for process in started] == [True]
    assert [first.ok, *(r.ok for r in results)] == [True] * 3
    assert not started[0].alive


def test_pipes_of_decoding_processes_are_closed(weights, media, bad):
    program = """
import sys
from perceiver_cli import Classifier
model, hang, *paths = sys.argv[1:]
with Classifier(model, timeout=60) as classifier:
    assert all(result.ok for result in classifier.stream(paths))
with Classifier(model, timeout=0.5) as classifier:
    assert classifier.classify(hang).error.kind == "timeout"
left = Classifier(model, timeout=60)
next(left.stream(paths))
"""
    call = [sys.executable, "-W", "always::ResourceWarning", "-c", program]
    done = subprocess.run(
        [*call, weights["audio"], bad("hang"), *[media["audio"]] * 6],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" not in done.stderr


def test_a_stream_that_is_left_ends_what_it_has_at_work_alone(bundle, bad, media, started):
    with Classifier(attention=False, timeout=0, decoders=2) as classifier:
        stream = classifier.stream([media["image"], bad("hang"), media["image"]])
        assert next(stream).ok
        other = classifier.classify(media["image"])
        stream.close()
        assert other.ok
        assert {process.alive for process in started} == {True, False}


def test_no_more_inputs_are_decoded_at_a_time_than_asked_for(bundle, media, started):
    with Classifier(attention=False, timeout=60, decoders=2) as classifier:
        assert all(r.ok for r in classifier.stream([media["image"]] * 12))
        assert 1 <= len(started) <= 2


def test_a_command_for_few_inputs_starts_no_process(run, bundle, media, monkeypatch):
    started = []
    monkeypatch.setattr(
        "perceiver_cli.inference.classifier.SubprocessDecoder",
        lambda pool, limit: started.append(limit),
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


def test_a_time_limit_may_be_longer_than_any_timer(run, bundle, media):
    for limit in ("inf", "1e300"):
        assert run("classify", media["image"], "--timeout", limit).exit_code == 0


PARENT = """
import sys
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.decoding.subprocess_decoder import DecodingPool, SubprocessDecoder
from perceiver_cli.media.source import Source

pool = DecodingPool(Preparer({"audio": sys.argv[1]}))
process = pool.take()
print(process._process.pid, flush=True)
pool.give_back(process)
SubprocessDecoder(pool, 0).prepare(Source(sys.argv[2]))
"""


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_process_that_hangs_ends_after_its_parent_was_killed(bad, weights):
    call = [sys.executable, "-c", PARENT, str(weights["audio"]), str(bad("hang"))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        worker = int(parent.stdout.readline())
        time.sleep(1)
        assert is_running(worker)
        parent.kill()
    for _ in range(300):
        if not is_running(worker):
            break
        time.sleep(0.1)
    assert not is_running(worker)
