"""Which of the files that a folder holds are wanted."""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from fnmatch import fnmatch

from perceiver_cli.errors import UsageError


@dataclass(frozen=True)
class Choice:
    """What is taken of folders, and which share of all inputs.

    include, exclude: shell patterns; one with a slash is compared with the path below the folder
    that the call names, any other with the name alone. Files have to match one of `include`, if
    there are any, and none of `exclude`, which also keeps folders from being entered.
    hidden: take what begins with a dot. shard: (which, of how many), from 1; every path is in
    exactly one shard, whatever other files there are.
    """

    recursive: bool = False
    hidden: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: tuple[int, int] = (1, 1)

    def enters(self, below: str) -> bool:
        """Whether to descend into a folder; below: its path within the folder named."""
        return self.recursive and self._shown(below) and not _matches(below, self.exclude)

    def takes(self, below: str) -> bool:
        """Whether to take a file; below: its path within the folder named."""
        wanted = not self.include or _matches(below, self.include)
        return wanted and self._shown(below) and not _matches(below, self.exclude)

    def in_shard(self, path: str) -> bool:
        """Whether a path, as the results will have it, is in the shard."""
        which, count = self.shard
        return zlib.crc32(os.fsencode(path)) % count == which - 1

    def _shown(self, below: str) -> bool:
        return self.hidden or not os.path.basename(below).startswith(".")


def read_shard(text: str) -> tuple[int, int]:
    """ "2/4" -> (2, 4). Raises UsageError."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    which, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= which <= count:
        raise UsageError(f"--shard {text}: write it as 1/4, the first of four")
    return which, count


def _matches(below: str, patterns: tuple[str, ...]) -> bool:
    path = below.replace(os.sep, "/")
    name = path.rpartition("/")[2]
    return any(fnmatch(path if "/" in p else name, p.strip("/")) for p in patterns)
