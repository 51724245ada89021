"""The tensors of a foreign checkpoint, all of which must be used."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from perceiver_cli.errors import CheckpointError


class Tensors:
    """Hands out each tensor once, of the shape that is expected, as float32.

    Raises CheckpointError, in one line that names the file and the tensor.
    """

    def __init__(self, path: Path, tensors: dict[str, Tensor]) -> None:
        self.path = path
        self._left = dict(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """The shape of a tensor that fixes the sizes of others.

        Args:
            name: Name of the tensor, which stays.
            rank: Number of its dimensions.

        Raises:
            CheckpointError: It is missing, or has other dimensions.
        """
        found = tuple(self._get(name).shape)
        if len(found) != rank:
            raise self._misshapen(name, found, f"{rank} dimensions")
        return found

    def take(self, name: str, *shape: int) -> Tensor:
        """Takes a tensor out.

        Args:
            name: Name of the tensor.
            shape: The shape it must have.

        Returns:
            float32, contiguous.

        Raises:
            CheckpointError: It is missing, or of another shape.
        """
        tensor = self._get(name)
        if tuple(tensor.shape) != shape:
            raise self._misshapen(name, tuple(tensor.shape), list(shape))
        del self._left[name]
        return tensor.float().contiguous()

    def discard(self, name: str, *shape: int) -> None:
        """Takes out a tensor that is expected but not needed. See take."""
        self.take(name, *shape)

    def finish(self) -> None:
        """Raises if any are left over."""
        if self._left:
            raise CheckpointError(f"{self.path}: unexpected tensor {sorted(self._left)[0]}")

    def _get(self, name: str) -> Tensor:
        if name not in self._left:
            raise CheckpointError(f"{self.path}: tensor {name} is missing")
        return self._left[name]

    def _misshapen(self, name: str, found: tuple[int, ...], expected: object) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: tensor {name} has shape {list(found)}, expected {expected}"
        )
