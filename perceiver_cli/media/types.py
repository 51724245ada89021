"""Results of loaders: plain numpy arrays in natural units, and facts for reports."""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_PIPE_BYTES, limit_text

if TYPE_CHECKING:
    import numpy as np

_NO_FILES = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}

Identity = dict[str, int | str]


class WindowRange(NamedTuple):
    """Some of a file's windows: the index of the first one, and their number."""

    first: int
    size: int


@dataclass(frozen=True)
class Source:
    """A file to classify.

    Attributes:
        path: On disk, or a name for content from elsewhere.
        data: The content, if it is not on disk, such as from standard input; else None.
        modality: As given by the caller.
        part: Which windows of a long sound or film to load; None: the first ones.
    """

    path: str
    data: bytes | None = None
    modality: str | None = None
    part: WindowRange | None = None

    def open(self) -> BinaryIO:
        """A fresh, seekable binary stream at the beginning of the content.

        Raises InputError("unreadable") if the file cannot be opened, or is none: a folder, a
        device, a socket, or a pipe, which can be read only once; "too_large" for more than
        MAX_PIPE_BYTES of data.
        """
        if self.data is not None:
            if len(self.data) > MAX_PIPE_BYTES:
                problem = f"does not end in time: {limit_text('MAX_PIPE_BYTES')}; save it as a file"
                raise InputError("too_large", problem)
            return io.BytesIO(self.data)
        try:
            # Checked first, because opening some of these would block forever.
            kind = _NO_FILES.get(stat.S_IFMT(os.stat(self.path).st_mode))
            if kind == "folder":
                # A walk yields the folders that it cannot list: here the reason is raised.
                os.scandir(self.path).close()
            if kind:
                way = "; perceiver classify - < PIPE reads it" if kind == "pipe" else ""
                raise InputError("unreadable", f"is a {kind}, not a file{way}")
            return open(self.path, "rb")
        except FileNotFoundError:
            is_link = os.path.islink(self.path)
            reason = "is a link to a file that does not exist" if is_link else "no such file"
            raise InputError("unreadable", reason) from None
        except PermissionError:
            raise InputError("unreadable", "no permission to read it") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "cannot be opened"
            if getattr(error, "errno", None) == errno.ELOOP:
                reason = "is a link that leads back to itself"
            raise InputError("unreadable", reason) from None

    def fetched(self) -> Source:
        """The source with its remote content fetched; raises InputError as `open`."""
        return self

    def identity(self) -> Identity | None:
        """The size in bytes and the time of modification, to detect changes of the content.

        None if unknown: for content from a pipe, or a missing file.
        """
        if self.data is not None:
            return None
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}

    def changed(self) -> bool:
        """Whether the content is known to have changed since reading began."""
        return False

    @property
    def on_disk(self) -> bool:
        """Whether it is a file in a folder on disk."""
        return type(self) is Source and self.data is None

    def has_no_bytes(self) -> bool:
        """Whether it is known to be empty."""
        if self.data is not None:
            return not self.data
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    @property
    def suffix(self) -> str:
        """The name's extension in lower case without its dot ("" when there is none)."""
        return Path(self._own_name).suffix.lower().lstrip(".")

    @property
    def _own_name(self) -> str:
        return self.path


class Media(ABC):
    """The result of a loader.

    Attributes:
        notes: One line for each thing that was left out or repaired.
        total: Number of windows of the whole file, of which these may be some.
        read_whole: Whether they cover all of the file.
    """

    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""


@dataclass(frozen=True)
class Picture(Media):
    """A still picture.

    pixels: uint8 [H, W, 3], RGB, upright; possibly a reduced decode of width x height.
    notes: one line for each thing that was left out or repaired.
    shown: the same at a larger size, to be looked at; None: pixels.
    """

    pixels: np.ndarray
    width: int
    height: int
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shown: np.ndarray | None = None

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {"width": self.width, "height": self.height, **self.facts}


@dataclass(frozen=True)
class SoundWindow:
    """samples: float32 [S], mono, nominally in [-1, 1]; start_s: its start in the file."""

    samples: np.ndarray
    start_s: float


@dataclass(frozen=True)
class Sound(Media):
    """One or more windows of a sound at `rate` samples per second.

    duration_s is that of the whole file; file_rate and channels are the file's own.
    notes: one line for each thing that was left out or repaired.
    total, read_whole: see Media.
    """

    windows: tuple[SoundWindow, ...]
    rate: int
    duration_s: float
    file_rate: int
    channels: int
    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {
            "duration_s": round(self.duration_s, 3),
            "sample_rate": self.file_rate,
            "channels": self.channels,
        }


@dataclass(frozen=True)
class PointCloud(Media):
    """points: float64 [N, 3] in the file's own units, turned so that z points up.

    float64, because clouds in map coordinates are so far from the origin that float32 would lose
    their shape; centre them before reducing the precision.
    `up` is the axis that pointed up in the file ("y" for OBJ and GLB, "z" otherwise).
    notes: one line for each thing that was left out or repaired.
    """

    points: np.ndarray
    kind: Literal["mesh", "cloud"]
    up: Literal["y", "z"]
    vertices: int
    faces: int
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        x, y, z = self.points.max(0) - self.points.min(0)
        in_file = (x, z, y) if self.up == "y" else (x, y, z)
        return {
            "kind": self.kind,
            "vertices": self.vertices,
            "faces": self.faces,
            "up": self.up,
            "extent": [float(f"{length:.5g}") for length in in_file],
        }


@dataclass(frozen=True)
class VideoWindow:
    """frames: uint8 [T, h, w, 3], RGB, upright; times_s: float64 [T], presentation times.

    sound: float32 [S], mono samples of the same interval, or None.
    shown: the frames at a larger size, to be looked at; None: frames.
    """

    frames: np.ndarray
    times_s: np.ndarray
    start_s: float
    sound: np.ndarray | None = None
    shown: np.ndarray | None = None


@dataclass(frozen=True)
class Video(Media):
    """One or more windows of a video. Frames may be a reduced decode of width x height.

    notes: one line for each thing that was left out or repaired.
    total, read_whole: see Media.
    """

    windows: tuple[VideoWindow, ...]
    width: int
    height: int
    fps: float | None
    duration_s: float
    sound_rate: int | None = None
    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {
            "width": self.width,
            "height": self.height,
            "duration_s": round(self.duration_s, 3),
            "fps": None if self.fps is None else round(self.fps, 3),
            "sound": any(window.sound is not None for window in self.windows),
        }
