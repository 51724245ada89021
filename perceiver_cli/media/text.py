"""Text files: their encoding, and their lines in blocks, with any line ends."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from perceiver_cli.errors import InputError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HEAD_BYTES = 2**16
BLOCK_BYTES = 2**22
MAX_LINE_BYTES = 2**26
_ODD_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\f\x1b")))

# Encodings in which text has more bytes above 127 than below.
_EAST_ASIAN = ("gb18030", "shift_jis", "big5", "euc_kr")


def decoded_head(content: bytes) -> tuple[str, str]:
    """The beginning of a text file.

    Text in an unknown 8-bit encoding is read as Latin-1, which never fails.

    Returns:
        The whole lines among the first 64 KiB, and their encoding; ("", "") for binary data.
    """
    head = content[:HEAD_BYTES]
    encoding = find_encoding(head)
    if not encoding:
        return "", ""
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    if len(content) > HEAD_BYTES:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    return text, encoding


def find_encoding(head: bytes) -> str:
    """The name of the encoding of a text that begins with `head`, "" for binary data."""
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "")
    if encoding in ("utf-16", "utf-32"):
        return encoding if _decodes(head, encoding) else ""
    if _has_odd_controls(head):
        return _unmarked_utf16(head)
    encoding = encoding or "utf-8"
    if _decodes(head, encoding):
        return encoding
    if _mostly_high(head) and not any(_decodes(head, name) for name in _EAST_ASIAN):
        return ""
    return "latin-1"


def line_blocks(stream: BinaryIO) -> Iterator[bytes]:
    r"""Text from the position of a stream, as blocks of whole lines.

    Line ends are converted to "\n". The bytes are those of the file, or UTF-8
    where it is in UTF-16 or UTF-32: numbers and key words are ASCII in all of these. No block ends
    in a line continued by a backslash.

    Raises:
        InputError: "corrupt" for a line of more than 64 MiB.
    """
    rest, ended = b"", False
    pieces = _as_utf8(stream)
    while not ended:
        piece = next(pieces, None)
        ended = piece is None
        data = rest + (piece or b"")
        # A carriage return at the end may be the first half of a line end.
        held = b"\r" if data.endswith(b"\r") and not ended else b""
        data = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = len(data) if ended else _last_end(data)
        if end:
            yield data[:end]
        rest = data[end:] + held
        if len(rest) > MAX_LINE_BYTES:
            raise InputError("corrupt", "a line of more than 64 MiB")


def printable(text: str) -> str:
    """Text from a file for a message: on one line, without control characters."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _as_utf8(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(BLOCK_BYTES)
    encoding = find_encoding(first[:HEAD_BYTES])
    if encoding.startswith(("utf-16", "utf-32")):
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        piece = first
        while piece:
            yield decoder.decode(piece).encode("utf-8", "replace")
            piece = stream.read(BLOCK_BYTES)
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    while piece := stream.read(BLOCK_BYTES):
        yield piece


def _last_end(data: bytes) -> int:
    """The position after the last line end not preceded by a backslash; 0 without one."""
    end = data.rfind(b"\n")
    while end > 0 and data[end - 1 : end] == b"\\":
        end = data.rfind(b"\n", 0, end)
    return end + 1


def _has_odd_controls(head: bytes) -> bool:
    """Whether any byte is a control character that no text has."""
    return len(head.translate(None, _ODD_CONTROLS)) < len(head)


def _decodes(head: bytes, encoding: str) -> bool:
    """Whether it decodes; a truncated character at the end of others is allowed."""
    try:
        return bool(codecs.getincrementaldecoder(encoding)().decode(head)) or not head
    except UnicodeDecodeError:
        return False


def _unmarked_utf16(head: bytes) -> str:
    """UTF-16 without a byte order mark: every other byte of mostly ASCII text is zero."""
    first, second = head[0::2], head[1::2]
    for name, low, high in (("utf-16-le", first, second), ("utf-16-be", second, first)):
        plain = len(low) > 1 and not _has_odd_controls(low)
        if plain and high.count(0) > 0.5 * len(high) and _decodes(head, name):
            return name
    return ""


def _mostly_high(head: bytes) -> bool:
    return sum(byte > 127 for byte in head) > 0.3 * len(head)
