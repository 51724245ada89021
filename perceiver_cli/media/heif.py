"""The coding of the items of a HEIF file, read from its headers."""

from __future__ import annotations

from typing import BinaryIO

from perceiver_cli.media.boxes import boxes, top_level_box

_READ = frozenset({b"hvc1", b"av01"})
_UNSUPPORTED = {
    b"unci": "without compression",
    b"jpeg": "of JPEGs",
    b"j2k1": "in JPEG 2000",
    b"avc1": "in H.264",
    b"vvc1": "in VVC",
    b"evc1": "in EVC",
}


def unsupported_coding(stream: BinaryIO) -> str | None:
    """The coding of the pictures of a HEIF file, such as "in H.264", if it is not supported.

    Args:
        stream: The file.

    Returns:
        The coding in words; None if it is supported, or unknown.
    """
    types = _item_types(top_level_box(stream, b"meta"))
    if types & _READ:
        return None
    return next((words for kind, words in _UNSUPPORTED.items() if kind in types), None)


def _item_types(meta: bytes) -> set[bytes]:
    """The types of all items that a meta box names (ISO/IEC 14496-12, 8.11.6)."""
    content = dict(boxes(meta[4:])).get(b"iinf", b"")
    entries = content[6 if content[:1] == b"\0" else 8 :]
    types = set()
    for name, entry in boxes(entries):
        if name == b"infe" and entry[:1] in (b"\2", b"\3"):
            begin = 8 if entry[0] == 2 else 10
            types.add(entry[begin : begin + 4])
    return types
