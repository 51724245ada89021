"""Names of inputs that are not local paths: URLs, and members of archives.

s3://bucket/key.jpg                    an object
tar://folder/a.jpg::shard-3.tar.gz     a member of an archive on disk
zip://a.jpg::s3://bucket/shard-3.zip   a member of an archive that is an object
"""

from __future__ import annotations

import os
import re
from typing import Literal, NamedTuple

# The name of standard input.
STDIN = "-"

# Folders of the process's open files, such as the pipes of a shell's <(command).
OPEN_FILES = ("/dev/fd/", "/proc/self/fd/")

ArchiveKind = Literal["tar", "zip"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

_KINDS: dict[str, ArchiveKind] = {"tar": "tar", "zip": "zip"}
_ENDINGS: dict[str, ArchiveKind] = {
    ".zip": "zip",
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"), "tar"),
}

_USER = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(
    r"([?&][^=&\s]*(?:sig|token|key|credential|secret|password|auth)[^=&\s]*=)[^&\s'\")]+",
    re.IGNORECASE,
)


class Member(NamedTuple):
    """A member of an archive: its kind, the member's own name, the archive's name."""

    kind: ArchiveKind
    member: str
    archive: str


def is_url(name: str) -> bool:
    """Whether a name has a scheme, and is not an existing path."""
    return _SCHEME.match(name) is not None and not os.path.lexists(name)


def scheme_of(name: str) -> str:
    """The scheme of a URL in lower case; "" if there is none."""
    match = _SCHEME.match(name)
    return match[1].lower() if match else ""


def archive_kind(name: str) -> ArchiveKind | None:
    """The kind of archive by the ending of a name."""
    lower = name.lower()
    return next((kind for ending, kind in _ENDINGS.items() if lower.endswith(ending)), None)


def member_name(kind: ArchiveKind, member: str, archive: str) -> str:
    """The name of a member; `split_member` is the inverse.

    Args:
        kind: The kind of the archive.
        member: The member's own name.
        archive: The name of the archive.
    """
    return f"{kind}://{member}::{archive}"


def split_member(name: str) -> Member | None:
    """The parts of a member's name; None if it is not the name of a member.

    The archive follows the first "::" after which there is a file or a URL.
    """
    kind = _KINDS.get(scheme_of(name))
    if kind is None:
        return None
    rest = name.partition("://")[2]
    positions = [match.start() for match in re.finditer("(?=::)", rest)]
    for position in positions:
        archive = rest[position + 2 :]
        if os.path.lexists(archive) or _SCHEME.match(archive):
            return Member(kind, rest[:position], archive)
    if not positions:
        return None
    return Member(kind, rest[: positions[-1]], rest[positions[-1] + 2 :])


def without_credentials(text: str) -> str:
    """Text in which user names, passwords and signatures of URLs are replaced by stars."""
    return _SECRET.sub(r"\1***", _USER.sub("***@", text))
