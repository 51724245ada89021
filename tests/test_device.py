"""What "auto" picks on which processor."""

from __future__ import annotations

import pytest
import torch

from perceiver_cli.device import pick_precision, precision_in_words
from perceiver_cli.model.config import WIDE

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "narrow", "wide", "words"),
    [
        ([], torch.float32, torch.float32, "float32"),
        (["avx512_vnni"], torch.float32, torch.float32, "float32"),
        (["avx512_bf16"], torch.bfloat16, torch.bfloat16, "bfloat16"),
        (
            ["avx512_bf16", "avx512_vnni"],
            torch.bfloat16,
            torch.int8,
            "bfloat16 (wide models: int8)",
        ),
    ],
)
def test_auto_is_the_lowest_precision_that_is_native_and_pays(
    monkeypatch, able, narrow, wide, words
):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(able, True))
    assert pick_precision("auto", CPU, WIDE - 1) == narrow
    assert pick_precision("auto", CPU, WIDE) == wide
    assert precision_in_words("auto", CPU) == words
    assert precision_in_words("float32", CPU) == "float32"
