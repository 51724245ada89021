"""Members of .tar and .zip archives, read in order without unpacking.

Nothing is written to disk, so even names such as "../a.jpg" are only labels. Links are followed to
other members of the archive, never out of it. The unpacked sizes of a member and of an
archive are limited.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, BinaryIO, cast

from perceiver_cli.errors import EMPTY_FILE, InputError, NotMediaError
from perceiver_cli.inputs.archive_limits import (
    DAMAGE,
    CountedStream,
    UnpackedBudget,
    archive_errors,
    as_input_error,
)
from perceiver_cli.inputs.failed_source import FailedSource
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.names import ArchiveKind, member_name
from perceiver_cli.media.held_content import hold_content
from perceiver_cli.media.limits import MAX_PIPE_BYTES, limit_text
from perceiver_cli.media.parts import SourcePart
from perceiver_cli.media.source import Identity, Source

# Larger members are not held in memory if the archive permits random access.
HELD_BYTES = 2**25

# Maximum length of a chain of links; longer ones are cycles.
_MAX_LINKS = 8

# The bit of an encrypted member's flags in a zip.
_ENCRYPTED = 1

# The longest target of a link that is read in a zip, in bytes.
_MAX_LINK_BYTES = 4096

_NO_FILE = NotMediaError("unsupported", "is a device or a pipe, not a file")

_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@dataclass(frozen=True)
class MemberSource(Source):
    """A member of an archive; `path` is its name as `member_name` makes it.

    Attributes:
        archive: The archive; None if the content is in memory.
        kind: The kind of the archive.
        member: The member's own name.
        size: Its size in bytes, if known.
        version: Changes with the content: its checksum, or the time of modification.
    """

    archive: Source | None = None
    kind: ArchiveKind = "tar"
    member: str = ""
    size: int | None = None
    version: str | None = None

    def open(self) -> BinaryIO:
        """A fresh stream. Raises InputError as Source.open does."""
        if self.data is not None or self.archive is None:
            return super().open()
        return self._found().open()

    @property
    def is_remote(self) -> bool:
        """Whether its archive is remote, so that the member must be fetched."""
        return self.data is None and self.archive is not None and self.archive.is_remote

    def fetched(self) -> Source:
        """The member with its content from the archive. Raises InputError."""
        if self.data is not None or self.archive is None:
            return self
        return replace(self, archive=self.archive.fetched())._found()

    def has_no_bytes(self) -> bool:
        """See Source."""
        return self.size == 0

    @property
    def _own_name(self) -> str:
        return self.member

    def identity(self) -> Identity | None:
        """The size in bytes and the version."""
        try:
            known = self if self.size is not None else self._found()
        except InputError:
            return None
        if not isinstance(known, MemberSource) or known.size is None or known.version is None:
            return None
        return {"size": known.size, "version": known.version}

    def _found(self) -> Source:
        """Finds the member in the archive, and returns it with its content or position."""
        assert self.archive is not None
        for source in _read(self.archive, self.kind, lambda name: name == self.member):
            found = source._found() if isinstance(source, _LinkedMember) else source
            return replace(found, path=self.path, modality=self.modality)
        problem = (
            f"the archive has no member {self.member}"
            if self.member
            else "the name of the member is missing"
        )
        raise InputError("unreadable", problem)


@dataclass(frozen=True)
class _StoredMember(MemberSource):
    """A member that is stored without compression."""

    start: int = 0

    def open(self) -> BinaryIO:
        assert self.archive is not None
        part = SourcePart(self.path, base=self.archive, start=self.start, length=self.size or 0)
        return part.open()

    def fetched(self) -> Source:
        return self


@dataclass(frozen=True)
class _LinkedMember(MemberSource):
    """A link to another member, which is looked up in the archive when it is opened.

    Attributes:
        target: The name of that member, normalised.
    """

    target: str = ""

    def has_no_bytes(self) -> bool:
        """See Source."""
        return (self.identity() or {}).get("size") == 0

    def _found(self) -> Source:
        """The member that the link leads to. Raises InputError; NotMediaError for a folder."""
        assert self.archive is not None
        target = self.target
        for _ in range(_MAX_LINKS):
            source = next(_read(self.archive, self.kind, _name_or_folder(target)), None)
            if source is None:
                problem = f"is a link to {target}, which is not in the archive"
                raise InputError("unreadable", problem)
            if isinstance(source, MemberSource) and posixpath.normpath(source.member) != target:
                raise NotMediaError("unsupported", f"is a link to the folder {target}")
            if not isinstance(source, _LinkedMember):
                return replace(source, path=self.path, modality=self.modality)
            target = source.target
        raise InputError("unreadable", "is a link that leads back to itself")


_Member = MemberSource | FailedSource


def _name_or_folder(target: str) -> Callable[[str], bool]:
    """A test whether a member has a normalised name or is in the folder of that name."""
    within = "" if target == "." else f"{target}/"

    def is_wanted(name: str) -> bool:
        name = posixpath.normpath(name)
        return name == target or name.startswith(within)

    return is_wanted


def members(archive: Source, kind: ArchiveKind, file_filter: FileFilter) -> Iterator[Source]:
    """Yields the files in an archive in order; unreadable ones as FailedSources.

    Args:
        archive: The archive.
        kind: "tar" or "zip".
        file_filter: Which members to take.
    """
    try:
        yield from (each for each in _read(archive, kind) if _accepted(each, file_filter))
    except InputError as error:
        if file_filter.in_shard(archive.path):
            yield FailedSource(archive.path, error=error)


def _accepted(source: _Member, file_filter: FileFilter) -> bool:
    # "./a.jpg" and "../a.jpg" are not hidden.
    parts = [p for p in source.member.split("/") if p not in ("", ".", "..")]
    member, folders = "/".join(parts), parts[:-1]
    inside = FileFilter(True, file_filter.hidden, (), file_filter.exclude)
    return (
        all(inside.accepts_folder("/".join(folders[: i + 1])) for i in range(len(folders)))
        and file_filter.accepts_file(member)
        and file_filter.in_shard(source.path)
    )


def _read(
    archive: Source, kind: ArchiveKind, wanted: Callable[[str], bool] | None = None
) -> Iterator[_Member]:
    """Yields members as sources. wanted: a test of names; None: all. Raises InputError."""
    with archive_errors(), archive.open() as stream:
        size = stream.seek(0, io.SEEK_END)
        if not size:
            raise InputError("empty", EMPTY_FILE)
        stream.seek(0)
        reader = _read_zip if kind == "zip" else _read_tar
        yield from reader(archive, stream, UnpackedBudget(size), wanted)


def _read_tar(
    archive: Source, stream: BinaryIO, budget: UnpackedBudget, wanted: Callable[[str], bool] | None
) -> Iterator[_Member]:
    head = stream.read(8)
    stream.seek(0)
    opener = next((o for mark, o in _OPENERS.items() if head.startswith(mark)), None)
    unpacked = stream if opener is None else cast(Any, CountedStream(opener(stream), budget))
    names = _UniqueNames()
    with tarfile.open(fileobj=unpacked, mode="r|" if opener else "r:", bufsize=2**18) as tar:
        while (entry := tar.next()) is not None:
            cast(Any, tar).members = []  # tarfile would keep all of them
            if entry.isdir():
                continue
            name = names.next(entry.name)
            if wanted and not wanted(name):
                continue
            source = MemberSource(
                member_name("tar", name, archive.path),
                archive=archive,
                member=name,
                size=entry.size,
                version=str(entry.mtime),
            )
            if entry.islnk() or entry.issym():
                folder = posixpath.dirname(entry.name) if entry.issym() else ""
                yield _linked(source, posixpath.join(folder, entry.linkname))
            elif not entry.isreg():
                yield _failed(source, _NO_FILE)
            elif opener is None and entry.size > HELD_BYTES:
                yield _StoredMember(**vars(source), start=entry.offset_data)
            elif entry.size > MAX_PIPE_BYTES:
                yield _failed(source, _too_large())
            else:
                hold_content(entry.size)
                content = cast(IO[bytes], tar.extractfile(entry)).read()
                yield replace(source, data=content, archive=None)


class _UniqueNames:
    """Names of an archive's members: the second "a.jpg" is "a (2).jpg"."""

    def __init__(self) -> None:
        # Keyed by the hash of the name, because archives may have millions of members.
        self._counts: dict[int, int] = {}

    def next(self, name: str) -> str:
        """The unique name of the next member."""
        while count := self._counts.get(key := hash(name), 0):
            self._counts[key] = count + 1
            beginning, ending = posixpath.splitext(name)
            name = f"{beginning} ({count + 1}){ending}"
        self._counts[key] = 1
        return name


def _linked(link: MemberSource, target: str) -> _LinkedMember:
    known = {**vars(link), "size": None, "version": None}
    return _LinkedMember(**known, target=posixpath.normpath(target))


def _read_zip(
    archive: Source, stream: BinaryIO, budget: UnpackedBudget, wanted: Callable[[str], bool] | None
) -> Iterator[_Member]:
    names = _UniqueNames()
    with zipfile.ZipFile(stream) as packed:
        files = [entry for entry in packed.infolist() if not entry.is_dir()]
        if files and all(entry.flag_bits & _ENCRYPTED for entry in files):
            raise InputError("unsupported", "is encrypted: unpack it first")
        for entry in sorted(files, key=lambda each: each.header_offset):
            name = names.next(entry.filename)
            if wanted and not wanted(name):
                continue
            source = MemberSource(
                member_name("zip", name, archive.path),
                archive=archive,
                kind="zip",
                member=name,
                size=entry.file_size,
                version=f"{entry.CRC:08x}",
            )
            link = stat.S_ISLNK(entry.external_attr >> 16)
            if link and entry.file_size <= _MAX_LINK_BYTES:
                budget.take(entry.file_size)
                yield _zip_link(_unpacked(packed, entry, source), source)
            elif entry.file_size > MAX_PIPE_BYTES:
                yield _failed(source, _too_large())
            elif wanted is None and entry.file_size > HELD_BYTES:
                yield source  # unpacked when it is opened
            else:
                budget.take(entry.file_size)
                yield _unpacked(packed, entry, source)


def _zip_link(unpacked: _Member, source: MemberSource) -> _Member:
    """A link of a zip, whose content is the path that it leads to."""
    if unpacked.data is None:
        return unpacked
    target = unpacked.data.decode(errors="surrogateescape")
    return _linked(source, posixpath.join(posixpath.dirname(source.member), target))


def _unpacked(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, source: MemberSource) -> _Member:
    """A member with its content; a damaged one does not affect others."""
    hold_content(entry.file_size)
    try:
        with packed.open(entry) as member:
            content = member.read(entry.file_size + 1)
    except DAMAGE as error:
        return _failed(source, as_input_error(error))
    if len(content) != entry.file_size:
        return _failed(source, InputError("corrupt", "is longer than its archive says"))
    return replace(source, data=content, archive=None)


def _too_large() -> InputError:
    return InputError("too_large", limit_text("MAX_PIPE_BYTES"))


def _failed(source: MemberSource, error: InputError) -> FailedSource:
    """A member that cannot be read."""
    return FailedSource(source.path, error=error, member=source.member)
