"""A glTF or GLB file: its JSON, and the bytes of its buffers, inside or in other files."""

from __future__ import annotations

import binascii
import json
import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, unquote_to_bytes

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text
from perceiver_cli.media.shapes.shape import read_exactly
from perceiver_cli.media.text import printable

_JSON, _BIN = 0x4E4F534A, 0x004E4942

# Maximum size of the JSON: Python needs up to twenty times as much memory for nested lists.
_MAX_JSON = 2**25

# Buffers within the JSON are decoded when they are needed.
_INSIDE = re.compile(rb'"data:([^",]{0,200}),([^"]{200,})"')

_COMPRESSIONS = {
    "KHR_draco_mesh_compression": "Draco compression",
    "EXT_meshopt_compression": "meshopt compression",
    "KHR_meshopt_compression": "meshopt compression",
    "KHR_texture_basisu": "KTX textures",
}

# Required extensions that change no positions, and those that are supported.
_HARMLESS = re.compile(
    r"KHR_mesh_quantization|EXT_mesh_gpu_instancing"
    r"|KHR_(?:materials_|texture_transform|lights_|xmp|animation_pointer|techniques_webgl)\w*"
    r"|(?:EXT|MSFT)_(?:texture_|lights_|packing_)\w*"
    r"|EXT_(?:mesh_features|structural_metadata|instance_features)|CESIUM_\w+|VRMC?_?\w*"
)


class GltfFile:
    """document: the JSON; `read` gives bytes of its buffers."""

    def __init__(self, stream: BinaryIO, folder: Path | None) -> None:
        """Reads the JSON of a glTF or GLB file.

        Args:
            stream: At the beginning of the file; it has to stay open for `read`.
            folder: The folder of the other files; None if there are none.

        Raises:
            InputError: "corrupt", "too_large", or "unsupported" for version 1 and for extensions
                without which the file cannot be read.
        """
        self._stream, self._folder = stream, folder
        self._inside: dict[str, tuple[int, int]] = {}
        self._decoded: dict[int, bytes] = {}
        self._chunk = (0, 0)
        head = stream.read(12)
        if head.startswith(b"glTF"):
            text = self._read_chunks(head)
        else:
            stream.seek(0)
            text = self._read_text()
        if len(text) > _MAX_JSON:
            raise InputError("too_large", "a glTF of more than 32 MiB of JSON beside its buffers")
        self.document: dict[str, Any] = json.loads(text)
        check_version(self.document)

    def read(self, buffer: int, offset: int, size: int) -> bytes:
        """`size` bytes of a buffer. Raises InputError "corrupt", "unreadable" or "unsupported"."""
        entry = item(self.document, "buffers", buffer)
        uri = entry.get("uri")
        if offset < 0 or size < 0 or offset + size > entry["byteLength"]:
            raise InputError("corrupt", "the glTF names bytes beyond the end of a buffer")
        if uri is None:
            if buffer or not self._chunk[1]:
                raise InputError("corrupt", "the glTF has a buffer without data")
            begin, length = self._chunk
            if offset + size > length:
                raise InputError("corrupt", "cut off: bytes of the GLB are missing")
            self._stream.seek(begin + offset)
            return read_exactly(self._stream, size, "bytes of a buffer")
        if uri.startswith("data:"):
            if buffer not in self._decoded:
                self._decoded[buffer] = self._decode(uri)
            content = self._decoded[buffer][offset : offset + size]
            if len(content) < size:
                raise InputError("corrupt", "cut off: bytes of a buffer are missing")
            return content
        with open(self._beside(uri), "rb") as stream:
            stream.seek(offset)
            return read_exactly(stream, size, f"bytes of {printable(uri[:80])}")

    def holds(self, buffer: int) -> bool:
        """Whether a buffer is stored: others exist only after decompression."""
        stored = "uri" in item(self.document, "buffers", buffer)
        return stored or (buffer == 0 and self._chunk[1] > 0)

    def check_buffers(self) -> str:
        """The location of the buffers, in words. Raises InputError if one cannot be read."""
        locations = set()
        for entry in items(self.document, "buffers"):
            uri = entry.get("uri")
            if uri is not None and not uri.startswith("data:"):
                self._beside(uri)
                locations.add("beside it")
            else:
                locations.add("inside")
        return " and ".join(sorted(locations, reverse=True))

    def _read_chunks(self, head: bytes) -> bytes:
        version, _ = struct.unpack("<II", head[4:].ljust(8, b"\0"))
        if version == 1:
            raise _old()
        if version != 2:
            raise InputError("unsupported", f"a GLB of version {version}; export it as version 2")
        text: bytes | None = None
        while len(header := self._stream.read(8)) == 8:
            size, kind = struct.unpack("<II", header)
            if kind == _JSON and text is None:
                text = read_exactly(self._stream, size, "parts of the GLB's JSON")
                continue
            if kind == _BIN and not self._chunk[1]:
                self._chunk = (self._stream.tell(), size)
            self._stream.seek(size, os.SEEK_CUR)
        if text is None:
            raise InputError("corrupt", "cut off: the GLB contains no JSON")
        return text

    def _read_text(self) -> bytes:
        content = self._stream.read(MAX_SHAPE_BYTES + 1)
        if len(content) > MAX_SHAPE_BYTES:
            raise InputError("too_large", f"the glTF is too large: {limit_text('MAX_SHAPE_BYTES')}")

        def leave(found: re.Match[bytes]) -> bytes:
            name = f"data:{len(self._inside)}"
            self._inside[name] = found.span(2)
            return b'"data:' + found[1] + b"," + name.encode() + b'"'

        return _INSIDE.sub(leave, content)

    def _decode(self, uri: str) -> bytes:
        kind, _, content = uri.partition(",")
        raw = content.encode()
        if content in self._inside:
            begin, end = self._inside[content]
            self._stream.seek(begin)
            raw = self._stream.read(end - begin)
        if kind.endswith(";base64"):
            return binascii.a2b_base64(unquote_to_bytes(raw) if b"%" in raw else raw)
        return unquote_to_bytes(raw)

    def _beside(self, uri: str) -> Path:
        """The path of a file in the same folder."""
        name = unquote(uri).removeprefix("./")
        shown = printable(name[:80])
        if self._folder is None:
            message = f"a glTF whose geometry is in another file ({shown}); save it as .glb"
            raise InputError("unsupported", message)
        if name in ("", "..") or re.search(r"[/\\:\0]", name):
            message = f"a glTF whose geometry is not in its own folder ({shown}); save it as .glb"
            raise InputError("unsupported", message)
        path = self._folder / name
        if not path.is_file():
            message = f"a glTF whose geometry is in a file that is missing: {shown}"
            raise InputError("unreadable", message)
        return path


def check_version(document: Any) -> None:
    """Raises InputError "corrupt" or "unsupported" if the document cannot be read."""
    if not isinstance(document, dict):
        raise InputError("corrupt", "the glTF is damaged: its JSON is not an object")
    asset = document.get("asset")
    version = asset.get("version") if isinstance(asset, dict) else None
    old = isinstance(document.get("meshes"), dict) or str(version).startswith(("0.", "1."))
    if old or version in (1, 1.0):
        raise _old()
    for name in document.get("extensionsRequired") or ():
        if name in _COMPRESSIONS:
            raise compressed(name)
        if not _HARMLESS.fullmatch(str(name)):
            message = (
                f"a glTF that needs the extension {printable(str(name)[:60])}, which is not read"
            )
            raise InputError("unsupported", message)


def compressed(extension: str) -> InputError:
    """The InputError for a file that needs this extension."""
    what = _COMPRESSIONS[extension]
    return InputError("unsupported", f"a glTF with {what} ({extension}); export it without")


def items(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """One of the document's lists."""
    found = document.get(name, [])
    if not isinstance(found, list):
        raise InputError("corrupt", f"the glTF is damaged: {name} is not a list")
    return found


def item(document: dict[str, Any], name: str, index: Any) -> dict[str, Any]:
    """An entry of one of the document's lists."""
    found = items(document, name)
    if not isinstance(index, int) or not 0 <= index < len(found):
        raise InputError("corrupt", f"the glTF is damaged: it names {name} that do not exist")
    entry = found[index]
    if not isinstance(entry, dict):
        raise InputError("corrupt", f"the glTF is damaged: {name} of the wrong type")
    return entry


def _old() -> InputError:
    return InputError("unsupported", "a glTF 1.0 file; convert it to glTF 2.0 (gltf-pipeline does)")
