"""A stand-in for devices without float64, such as MPS."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WithoutFloat64(Tensor):
    """A tensor that cannot become float64, as on MPS. On the CPU (`.cpu()`) it is a plain one."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        if func is Tensor.cpu:
            return result.as_subclass(Tensor)
        if isinstance(result, Tensor) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return result


def without_float64(model: nn.Module) -> None:
    """Makes a model's parameters such tensors, and so whatever is computed from them."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach().as_subclass(WithoutFloat64)))
