"""Reads untrusted pickles of arrays without executing anything in them."""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.errors import CheckpointError


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a pickle without executing anything in it.

    Args:
        path: Nested mappings of numpy arrays, pickled.

    Returns:
        "outer/inner/name" -> array.

    Raises:
        CheckpointError: The pickle contains anything but arrays and plain containers, or it is
            damaged. The message is one line.
    """
    try:
        with open(path, "rb") as stream:
            tree = _Unpickler(stream).load()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from None
    except _RefusedError as error:
        raise CheckpointError(
            f"{path}: refused, because loading it would call {error}; only arrays are read"
        ) from None
    except Exception as error:
        # A damaged pickle fails in as many ways as there are opcodes.
        raise CheckpointError(
            f"{path}: not a whole pickle of arrays (truncated or corrupt)"
        ) from error
    arrays: dict[str, np.ndarray] = {}
    _flatten(path, tree, "", arrays)
    return arrays


class _RefusedError(Exception):
    """The pickle names something that is not on the list."""


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes as old pickle protocols write them."""
    if encoding != "latin1":
        raise _RefusedError(f"_codecs.encode with {encoding}")
    return codecs.latin_1_encode(text)[0]


def _admitted() -> dict[tuple[str, str], Any]:
    from numpy._core.multiarray import _reconstruct, scalar
    from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

    names: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "OrderedDict"): dict,
        ("_codecs", "encode"): _encoded,
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = _reconstruct
        names[f"{core}.multiarray", "scalar"] = scalar
        names[f"{core}.numeric", "_frombuffer"] = _frombuffer
    # Haiku's immutable mappings pickle as a call with one plain dict.
    for name in ("FlatMapping", "FlatMap", "frozendict"):
        names["haiku._src.data_structures", name] = dict
    return names


class _Unpickler(pickle.Unpickler):
    admitted = _admitted()

    def find_class(self, module: str, name: str) -> Any:
        """Looks up a name that a pickle may use. Raises _RefusedError for any other name."""
        try:
            return self.admitted[module, name]
        except KeyError:
            raise _RefusedError(f"{module}.{name}") from None


def _flatten(path: Path, tree: Any, prefix: str, into: dict[str, np.ndarray]) -> None:
    if isinstance(tree, dict):
        for name, value in tree.items():
            _flatten(path, value, f"{prefix}/{name}" if prefix else str(name), into)
    elif isinstance(tree, np.ndarray | np.generic) and tree.dtype.kind in "fiu":
        into[prefix] = np.asarray(tree)
    else:
        raise CheckpointError(f"{path}: {prefix or 'the file'} is not an array of numbers")
