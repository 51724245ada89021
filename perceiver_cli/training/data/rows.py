"""Random rows of large arrays: from the device's memory if they fit, else from disk."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.device import free_bytes, to_device

# Share of a GPU's free memory that the arrays may take.
_SHARE = 0.5


class RandomRows:
    """Arrays with one row per item.

    On a GPU they are copied to its memory once, if that leaves enough for the training. Copying
    every batch would take longer than the step that it is for.

    Args:
        arrays: Name -> array [rows, ...]; they may be memory-mapped.
        device: The device that the rows are returned on.
    """

    def __init__(self, arrays: dict[str, np.ndarray], device: torch.device) -> None:
        self._arrays = arrays
        self._device = device
        self._resident: dict[str, Tensor] | None = None
        free = free_bytes(device)
        if free is not None and sum(a.nbytes for a in arrays.values()) <= _SHARE * free:
            self._resident = {
                name: torch.from_numpy(np.array(array)).to(device) for name, array in arrays.items()
            }

    def __getitem__(self, rows: Tensor) -> dict[str, Tensor]:
        """Some rows of every array, on the device.

        Args:
            rows: int [B].

        Returns:
            Name -> [B, ...].
        """
        if self._resident is not None:
            return {name: array[rows] for name, array in self._resident.items()}
        where = rows.cpu().numpy()
        return {
            name: to_device(torch.from_numpy(array[where]), self._device)
            for name, array in self._arrays.items()
        }
