"""The command's process: its environment before torch is imported."""

import json
import os
import subprocess
import sys

import pytest


def test_a_deleted_working_directory_is_told_in_one_line(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    call = f"rmdir '{gone}'; exec '{sys.executable}' -m perceiver_cli classify /photo.jpg"
    done = subprocess.run(["sh", "-c", call], cwd=gone, capture_output=True, text=True)
    told = "perceiver: the working directory no longer exists: change to another\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


# The command's start, with a command in place of the real ones that shows what it finds.
SHOWN = """
import json, os, sys
from perceiver_cli import cli

def show(**_):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
    print(json.dumps([{n: os.environ.get(n) for n in names}, "torch" in sys.modules]))

cli.app = show
cli.main()
"""


@pytest.mark.parametrize(
    ("own", "policy", "spins"),
    [
        ({}, "passive", "1000"),
        ({"OMP_WAIT_POLICY": "active"}, "active", None),
        ({"GOMP_SPINCOUNT": "5"}, None, "5"),
        ({"KMP_BLOCKTIME": "5"}, None, None),
    ],
)
def test_waiting_threads_soon_sleep_unless_the_user_says_otherwise(own, policy, spins):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOWN],
        env=environment | own,
        capture_output=True,
        text=True,
        check=True,
    )
    seen, torch_is_there = json.loads(done.stdout)
    assert not torch_is_there
    assert seen["OMP_WAIT_POLICY"] == policy
    assert seen["GOMP_SPINCOUNT"] == spins
    assert {name: seen[name] for name in own} == own


def test_decoding_processes_wait_asleep_too(media, monkeypatch):
    from perceiver_cli.inference.decoding import subprocess_decoder

    started = []
    real = subprocess.Popen

    def start(*arguments, **options):
        started.append(options["env"])
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess_decoder.subprocess, "Popen", start)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY"):
        monkeypatch.delenv(name, raising=False)
    subprocess_decoder.DecodingProcess().end()
    (environment,) = started
    assert environment["OMP_WAIT_POLICY"] == "passive"
    assert environment["OMP_NUM_THREADS"] == "1"
    assert "OMP_WAIT_POLICY" not in os.environ
