"""Filters of the files of a folder, and shards."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch

from perceiver_cli.errors import UsageError


@dataclass(frozen=True)
class FileFilter:
    """Selects files of folders, and the shard of all inputs.

    A pattern with a slash is matched against the path relative to the folder named by the call, any
    other pattern against only the name.

    Attributes:
        recursive: Whether to include subfolders.
        hidden: Whether to include names that begin with a dot.
        include: Shell patterns. If there are any, a file must match one of them.
        exclude: Shell patterns of files and folders to exclude.
        archives: Whether an archive in a folder stands for its members.
        shard: (index, count), index from 1. Every path is in exactly one of the `count` shards,
            whatever other files there are.
        outputs: Real paths of local folders that the call writes; they are not entered.
    """

    recursive: bool = False
    hidden: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    archives: bool = False
    shard: tuple[int, int] = (1, 1)
    outputs: frozenset[str] = frozenset()

    def accepts_folder(self, relative: str) -> bool:
        """Whether to enter a folder, given its path relative to the named folder."""
        return self.recursive and self.is_visible(relative) and not _matches(relative, self.exclude)

    def accepts_file(self, relative: str) -> bool:
        """Whether to include a file, given its path relative to the named folder."""
        included = not self.include or _matches(relative, self.include)
        return included and self.is_visible(relative) and not _matches(relative, self.exclude)

    def is_visible(self, relative: str) -> bool:
        """Whether a name is accepted: names that begin with a dot only if hidden ones are."""
        return self.hidden or not os.path.basename(relative).startswith(".")

    def in_shard(self, path: str) -> bool:
        """Whether a path, as in the results, is in the shard."""
        index, count = self.shard
        # Names that differ in a digit or two are spread evenly, which a checksum does not do.
        digest = hashlib.blake2b(os.fsencode(path), digest_size=8).digest()
        return int.from_bytes(digest, "big") % count == index - 1


def parse_shard(text: str) -> tuple[int, int]:
    """ "2/4" -> (2, 4). Raises UsageError."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    index, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= count:
        raise UsageError(f"--shard must be I/N, such as 1/4 for the first of four (got {text})")
    return index, count


def _matches(relative: str, patterns: tuple[str, ...]) -> bool:
    path = relative.replace(os.sep, "/")
    name = path.rpartition("/")[2]
    return any(fnmatch(path if "/" in p else name, p.strip("/")) for p in patterns)
