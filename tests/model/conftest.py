from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from perceiver_cli.model.quantization import kernels


@pytest.fixture
def randomise():
    """Gives every parameter of a module a value that matters, in float64, and returns it."""

    def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        module.double()
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                if "norm" in name and name.endswith(("weight", "scale")):
                    parameter.copy_(1 + 0.5 * noise)
                elif name.endswith(("bias", "shift")):
                    parameter.copy_(0.5 * noise)
                else:
                    parameter.copy_(noise * parameter.shape[-1] ** -0.5)
        return module

    return randomised


@pytest.fixture(params=["as it is", "saturating", "plain"])
def processor(request, monkeypatch) -> kernels.Kernels:
    """This processor's products, taken to saturate, or none but plain ones."""
    able = kernels.available()
    if request.param == "saturating":
        able = replace(able, range=kernels.SATURATING)
    elif request.param == "plain":
        able = kernels.Kernels()
    monkeypatch.setattr(kernels, "available", lambda: able)
    return able
