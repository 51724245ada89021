"""Types of NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

# Of any precision, as files store them.
FloatArray = npt.NDArray[np.floating[Any]]
IntegerArray = npt.NDArray[np.integer[Any]]
