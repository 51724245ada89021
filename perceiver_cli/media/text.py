"""Telling text from binary data, and which encoding it has."""

from __future__ import annotations

import codecs

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 2**16
_ODD_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")


def decoded_head(content: bytes) -> tuple[str, str]:
    """(the whole lines among the first 64 KiB as text, their encoding); ("", "") if binary.

    Text in an unknown 8-bit encoding is read as Latin-1, which never fails.
    """
    head = content[:_HEAD]
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
    if encoding != "utf-16" and _ODD_CONTROLS.intersection(head):
        return "", ""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        if encoding == "utf-16" or _mostly_high(head):
            return "", ""
        encoding = "latin-1"
        text = head.decode(encoding)
    if len(content) > _HEAD and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text, encoding


def _mostly_high(head: bytes) -> bool:
    return sum(byte > 127 for byte in head) > 0.3 * len(head)
