"""The choice of the model's device."""

from __future__ import annotations

import pytest
import torch

from perceiver_cli.device import free_bytes, pick_device, to_device
from perceiver_cli.errors import UsageError


@pytest.mark.parametrize(
    ("cuda", "mps", "picked"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_is_the_first_that_works(monkeypatch, cuda, mps, picked):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert pick_device("auto") == torch.device(picked)
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(UsageError, match=f"device {name} is not available"):
        pick_device(name)


def test_free_memory_counts_what_torch_holds_for_tensors_to_come(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (1000, 5000))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 300)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 100)
    assert free_bytes(torch.device("cuda")) == 1200
    assert free_bytes(torch.device("cpu")) is None


def test_a_gpu_copies_from_pinned_memory_without_being_waited_for():
    asked = []

    class Array:
        pinned = False

        def pin_memory(self):
            self.pinned = True
            return self

        def to(self, device, non_blocking=False):
            asked.append((str(device), self.pinned, non_blocking))

    to_device(Array(), torch.device("cuda"))
    to_device(Array(), torch.device("cpu"))
    assert asked == [("cuda", True, True), ("cpu", False, False)]
