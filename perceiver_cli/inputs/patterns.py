"""Glob patterns that no shell has expanded."""

from __future__ import annotations

import glob
import os
from fnmatch import fnmatch

from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.folders import walk


def expand_pattern(path: str) -> list[str]:
    """The matches of a pattern. A path that exists or is not a pattern is returned unchanged."""
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    parts = path.replace(os.sep, "/").split("/")
    matches = _in_all_depths(parts) if "**" in parts else glob.glob(path)
    return sorted(matches, key=os.fsencode)


def _in_all_depths(parts: list[str]) -> list[str]:
    """The files that match a pattern with `**`; glob itself would follow cycles of links."""
    first = parts.index("**")
    base = "/".join(parts[:first]) or ("/" if first else ".")
    matches = []
    for folder in glob.glob(base):
        for file in walk(folder, FileFilter(recursive=True)):
            names = os.path.relpath(file, folder).split(os.sep)
            if _matches(names, parts[first:]):
                matches.append(os.path.normpath(file) if base == "." else file)
    return matches


def _matches(names: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a path match those of a pattern; "**" is any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(names[skip:], pattern[1:]) for skip in range(len(names) + 1))
    return bool(names) and fnmatch(names[0], pattern[0]) and _matches(names[1:], pattern[1:])
