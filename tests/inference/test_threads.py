"""torch's threads: set in the model's threads, and unchanged in the rest of the process."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from perceiver_cli import Classifier
from perceiver_cli.inference import allocator, classifier, threads
from perceiver_cli.inference.threads import default_threads, use_threads


def in_a_new_thread(call):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def test_a_threads_number_is_its_own():
    here, elsewhere = torch.get_num_threads(), in_a_new_thread(torch.get_num_threads)
    wanted = here + 2

    def use():
        use_threads(wanted)
        begun = in_a_new_thread(torch.get_num_threads)
        return torch.get_num_threads(), begun

    assert in_a_new_thread(use) == (wanted, elsewhere)
    assert torch.get_num_threads() == here
    assert in_a_new_thread(torch.get_num_threads) == elsewhere


# What torch says of the thread that asks.
SAID = """
import re, sys, threading
import torch
from perceiver_cli.inference.threads import use_threads

def said():
    return re.findall(r"(?:at::|omp_|mkl_)get_(?:num|max)_threads\\(\\) : (\\d+)",
                      torch.__config__.parallel_info())

def use():
    use_threads(1)
    print(*said())

torch.set_num_threads(2)
thread = threading.Thread(target=use)
thread.start()
thread.join()
print(*said())
"""


def test_every_library_that_multiplies_uses_that_many():
    done = subprocess.run(
        [sys.executable, "-c", SAID], env=os.environ, capture_output=True, text=True, check=True
    )
    own, others = (line.split() for line in done.stdout.splitlines())
    assert set(own) == {"1"}
    assert set(others) == {"2"}


def test_by_default_there_are_no_more_threads_than_cores(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(threads, "usable_cores", lambda: 3)
    assert default_threads() == 3


@pytest.mark.parametrize("wanted", [1, 3])
def test_models_run_with_the_threads_asked_for(weights, media, monkeypatch, wanted):
    seen = []

    def predict_batch(batch, engine, options):
        seen.append(torch.get_num_threads())
        return real(batch, engine, options)

    real = classifier.predict_batch
    monkeypatch.setattr(classifier, "predict_batch", predict_batch)
    Classifier(str(weights["image"]), threads=wanted).classify(media["image"])
    assert seen == [wanted]


# What a program that uses the Classifier sees of itself: before, between two results, after.
HOST = """
import json, os, sys, threading
import torch
from perceiver_cli import Classifier

def seen():
    counts = []
    other = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    other.start()
    other.join()
    return [torch.get_num_threads(), *counts, dict(os.environ)]

weights, picture, count = sys.argv[1:]
states = [seen()]
if count != "0":
    torch.set_num_threads(int(count))
    states = [seen()]
for settings in ({}, {"threads": 1}, {"threads": 5}, {"timeout": 60.0}):
    classifier = Classifier(weights, batch_size=2, **settings)
    classifier.classify(picture)
    states.append(seen())
    for _ in classifier.stream([picture] * 9):
        states.append(seen())
    states.append(seen())
json.dump(states, sys.stdout)
"""


@pytest.mark.parametrize("count", [0, 3])
def test_a_host_process_keeps_its_threads_and_environment(weights, media, count):
    """count: what the host has set; 0 leaves torch's default."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", HOST, weights["image"], media["image"], str(count)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, *later = json.loads(done.stdout)
    assert before[0] == before[1]
    assert before[0] == count or not count
    assert all(state == before for state in later)


def test_a_host_process_keeps_its_allocators_settings(weights, media, monkeypatch):
    changes = []
    monkeypatch.setattr(allocator, "set_options", changes.append)
    monkeypatch.setattr(allocator, "own_settings", None)
    list(Classifier(str(weights["image"])).stream([media["image"]] * 5))
    assert changes == []


def test_a_command_keeps_freed_memory(run, bundle, media, monkeypatch):
    changes = []
    monkeypatch.setattr(allocator, "set_options", changes.append)
    monkeypatch.setattr(allocator, "own_settings", None)
    assert run("classify", media["image"]).exit_code == 0
    assert changes


def test_several_classifiers_side_by_side_leave_the_default_alone(weights, media):
    before = in_a_new_thread(torch.get_num_threads)
    paths = [media["image"]] * 12

    def classify(count):
        made = Classifier(str(weights["image"]), threads=count, batch_size=4)
        return [result.status for result in made.stream(paths)]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(classify, (1, 2, 3))) == [["ok"] * 12] * 3
    assert in_a_new_thread(torch.get_num_threads) == before
    assert threading.active_count() < 20
