"""Freed memory, measured by the resident size of real processes."""

import json
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings"
)

# Sizes in MiB. `kept` says how much more memory the process has after arrays were made and freed.
PROCESS = """
import json, resource, sys
from perceiver_cli.inference.allocator import keep_freed_memory, returning_freed_memory

def resident():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 2**20

def kept(size, count=1):
    before = resident()
    arrays = [b"x" * int(size * 2**20) for _ in range(count)]
    del arrays
    return round(resident() - before)

json.dump([eval(step) for step in sys.argv[1:]], sys.stdout)
"""

# A block of returning_freed_memory().
OPENED = "globals().update(block=returning_freed_memory()) or block.__enter__()"
CLOSED = "block.__exit__(None, None, None)"


def run(*steps: str) -> list:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, *steps], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_host_process_keeps_its_settings():
    assert run(OPENED, CLOSED, "kept(31)")[-1] == 0


def test_a_command_keeps_arrays_of_up_to_32_mib():
    _, small, large = run("keep_freed_memory()", "kept(31.5)", "kept(40)")
    assert small == pytest.approx(32, abs=1)
    assert large == 0


def test_a_command_keeps_nothing_of_a_large_picture():
    """64 megapixels take 256 MB, in blocks that are returned."""
    picture = "__import__('PIL.Image').Image.new('RGB', (8000, 8000), 'red') and None"
    _, before, _, after = run("keep_freed_memory()", "resident()", picture, "resident()")
    assert after - before < 60


def test_a_command_keeps_up_to_256_mib():
    _, most, more = run("keep_freed_memory()", "kept(25, 10)", "kept(30, 12)")
    assert most == pytest.approx(250, abs=2)
    assert more < 10


def test_training_keeps_arrays_of_any_size():
    assert run("keep_freed_memory(large=True)", "kept(300)")[1] > 290


def test_training_keeps_them_also_after_a_model_was_built():
    kept = run("keep_freed_memory(large=True)", OPENED, CLOSED, "kept(20, 20)")[-1]
    assert kept > 390


def test_while_a_model_is_built_only_small_arrays_are_kept():
    steps = ("kept(1.5, 20)", "kept(0.75, 20)", CLOSED, "kept(31.5)")
    _, _, beyond, small, _, after = run("keep_freed_memory()", OPENED, *steps)
    assert beyond == 0
    assert small == pytest.approx(15, abs=1)
    assert after == pytest.approx(31.5 - 15, abs=2)
