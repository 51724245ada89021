"""The checkpoint file: a safetensors file whose metadata contains the header as JSON.

No pickle is involved. Tensors are stored in float16, or in float32 where they were published so,
and read back as float32.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from safetensors import SafetensorError, safe_open

from perceiver_cli.atomic import atomic_write
from perceiver_cli.checkpoints.card_entries import Card
from perceiver_cli.checkpoints.familiar import FamiliarityStatistics
from perceiver_cli.errors import CheckpointError
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.preparation.recipes import read_recipe
from perceiver_cli.settings import Keys, Temperature, parse_json, read_settings

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 2

# Tensors whose names in older files differ: stored name -> name of the parameter.
_PARAMETERS = {"elements": "learned_elements"}
_STORED = {parameter: stored for stored, parameter in _PARAMETERS.items()}

# Number of bytes after which an open file is opened again: the pages that were read of an open file
# count as this process's memory, and opening takes as long as reading a megabyte.
REOPEN_BYTES = 2**24


@dataclass(frozen=True)
class Label:
    """A class.

    Attributes:
        id: The data set's own id for it.
        label: The name that is shown to people.
        group: The next wider term ("dog"); empty if there is none.
        kind: The widest term ("animal"); empty if there is none.
    """

    id: str
    label: str
    group: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Header:
    """The contents of a checkpoint other than its tensors.

    Attributes:
        name: Name of the weights.
        model: The network's settings.
        recipe: The adapter's settings, with "modality".
        labels: The classes, in the order of the logits.
        temperature: Divides the logits before the softmax.
        card: Data, licence, command, measured figures, date and package version, as plain JSON;
            see card_entries.py.
        stream_temperatures: Stream -> the temperature for inputs that have this stream only.
        level_temperatures: Calibrate the summed scores of groups and kinds, see label_tree.py.
        events: How the scores of windows become events, see inference/events.py; empty: its
            defaults.
        familiar: The statistics of familiar inputs, see familiar.py; None: never fitted.
    """

    name: str
    model: PerceiverConfig
    recipe: dict[str, Any]
    labels: list[Label]
    temperature: Temperature = 1.0
    card: Annotated[dict[str, Any], Keys(Card)] = field(default_factory=dict)
    stream_temperatures: dict[str, Temperature] = field(default_factory=dict)
    level_temperatures: dict[str, Temperature] = field(default_factory=dict)
    events: dict[str, float] = field(default_factory=dict)
    familiar: dict[str, Any] | None = None

    def temperature_of(self, streams: Collection[str]) -> float:
        """The temperature for an input.

        Args:
            streams: The streams of the input. A single stream may have its own temperature.
        """
        only = next(iter(streams)) if len(streams) == 1 else ""
        return self.stream_temperatures.get(only, self.temperature)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        header: Everything but the tensors.
        tensors: Parameter name -> float32.
        half: Whether the file stores the tensors in float16, otherwise in float32.
    """

    header: Header
    tensors: Mapping[str, Tensor]
    half: bool = True


def parameter_name(stored: str) -> str:
    """The name of the parameter for a tensor of a file."""
    return _PARAMETERS.get(stored, stored)


class StoredTensors(Mapping[str, "Tensor"]):
    """A file's tensors by parameter name; each is read and converted to float32 on access."""

    def __init__(self, path: Path, stored_names: list[str]) -> None:
        self._path = path
        self._stored = {parameter_name(stored): stored for stored in stored_names}
        self._holding = False
        self._file: Any = None
        self._read = 0

    def __getitem__(self, name: str) -> Tensor:
        stored_name = self._stored[name]
        with _failing(self._path):
            file = self._file or safe_open(self._path, framework="pt")
            stored = file.get_tensor(stored_name)
        if self._holding:
            self._read += stored.nbytes
            self._file = file if self._read < REOPEN_BYTES else None
            self._read = self._read if self._file else 0
        made: Tensor = stored.float()
        # A tensor that shares the file's memory would keep everything read so far in memory.
        return made.clone() if made is stored else made

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Keeps the file open inside the block, instead of opening it for each tensor."""
        self._holding = True
        try:
            yield
        finally:
            self._holding, self._file, self._read = False, None, 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint atomically.

    Args:
        path: The file; an existing one is replaced.
        checkpoint: The checkpoint; its tensors are stored in float16 if `half` is set.

    Raises:
        OSError: It cannot be written.
    """
    import torch

    dtype = torch.float16 if checkpoint.half else torch.float32
    tensors = {
        _STORED.get(name, name): tensor.detach().to(dtype).contiguous()
        for name, tensor in checkpoint.tensors.items()
    }
    _write(path, checkpoint.header, tensors)


def replace_header(path: Path, header: Header) -> None:
    """Replaces the header of a checkpoint; its tensors do not change.

    Args:
        path: The checkpoint.
        header: The new header.

    Raises:
        CheckpointError: The file is not a checkpoint.
        OSError: It cannot be written.
    """
    with _reading(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    _write(path, header, tensors)


def _write(path: Path, header: Header, tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save

    values = {"format": FORMAT, **asdict(header)}
    values["alone"] = values.pop("stream_temperatures")
    content = save(tensors, metadata={"perceiver": json.dumps(values)})
    with atomic_write(path) as part:
        part.write_bytes(content)  # save_file would make the file readable for its owner only


def read_header(path: Path) -> Header:
    """Reads only the header, without importing torch or reading tensors.

    Args:
        path: The checkpoint.

    Raises:
        CheckpointError: The file is missing, damaged, of a newer format or not a checkpoint. The
            message is one line that names the file.
    """
    with _reading(path, "numpy") as file:
        return _parse(path, file.metadata())


def open_checkpoint(path: Path) -> Checkpoint:
    """Reads the header; the tensors are read one by one on access.

    Args:
        path: The checkpoint.

    Returns:
        The checkpoint; its tensors are float32, whatever the file has.

    Raises:
        CheckpointError: As read_header.
    """
    with _reading(path, "pt") as file:
        header = _parse(path, file.metadata())
        names = list(file.keys())
        half = all(file.get_slice(name).get_dtype() in ("F16", "BF16") for name in names)
    return Checkpoint(header, StoredTensors(path, names), half)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads the header and all tensors.

    Args:
        path: The checkpoint.

    Returns:
        The checkpoint; its tensors are float32, whatever the file has.

    Raises:
        CheckpointError: As read_header.
    """
    checkpoint = open_checkpoint(path)
    return replace(checkpoint, tensors=dict(checkpoint.tensors))


@contextmanager
def _reading(path: Path, framework: str) -> Iterator[Any]:
    """Opens the file, and raises its errors as CheckpointErrors."""
    with _failing(path), safe_open(path, framework=framework) as file:
        yield file


@contextmanager
def _failing(path: Path) -> Iterator[None]:
    """Raises errors of the file as CheckpointErrors in one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_unreadable(path, error)) from None


def _parse(path: Path, metadata: dict[str, str] | None) -> Header:
    if not metadata or "perceiver" not in metadata:
        raise CheckpointError(f"{path}: not a perceiver checkpoint (no header in its metadata)")
    try:
        header = _header(parse_json(metadata["perceiver"]), path)
    except ValueError as error:
        raise CheckpointError(f"{path}: its header cannot be read ({error})") from None
    if len(header.labels) != header.model.classes:
        raise CheckpointError(
            f"{path}: {len(header.labels)} labels for {header.model.classes} classes"
        )
    return header


class _Versioned(TypedDict):
    """The header of any format."""

    format: int


def _header(content: Any, path: Path) -> Header:
    """The header of JSON values; raises ValueError, in one line, if they are no header."""
    values: dict[str, Any] = {**read_settings(_Versioned, content, "header value")}
    version = values.pop("format")
    if version > FORMAT:
        raise CheckpointError(
            f"{path}: written in format {version}, this version reads up to {FORMAT}: "
            "upgrade perceiver-cli"
        )
    values["stream_temperatures"] = values.pop("alone", {})
    values.pop("threshold", None)  # of older checkpoints; nothing reads it
    header = read_settings(Header, values, "header value")
    header.model.check()
    read_recipe(header.recipe)
    if header.familiar is not None:
        FamiliarityStatistics.from_dict(header.familiar, header.model.width)
    return header


def _unreadable(path: Path, error: OSError | SafetensorError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such file"
    if isinstance(error, SafetensorError):
        return f"{path}: not a whole safetensors file (truncated or corrupt)"
    return f"{path}: {error.strerror or error}"
