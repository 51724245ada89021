"""Text: shapes written as text, and names of other kinds of text."""

from __future__ import annotations

import os
import re

from perceiver_cli.detect.detection import EXPORT_MODEL, MEDIA, OTHER, Detection, Kind
from perceiver_cli.detect.shapes import detect_gltf, detect_ply
from perceiver_cli.media.shapes.ptx import is_ptx
from perceiver_cli.media.shapes.text_layout import find_layout
from perceiver_cli.media.source import Source
from perceiver_cli.media.text import HEAD_BYTES, line_blocks

# The kind of a text is decided by its first characters.
_BEGINNING = 4000

# None of these patterns can match in several ways: backtracking on malicious text would not
# end.
_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+|nan|inf)(?:[eE][-+]?\d+)?"
_OFF = re.compile(
    r"\s*(?:ST)?C?N?4?n?(?:OFF|off)(?:\s*BINARY)?(?:\s*-?\d+\s+-?\d+|(?P<open>\s*\Z))"
)
_OFF_COUNTS = re.compile(r"\s*\d+[ \t]+\d+[ \t]+\d+[ \t]*\n")
_PLY = re.compile(r"ply[ \t]{0,80}[\r\n]", re.IGNORECASE)
_STL = re.compile(r"solid\b|facet\s+normal\b", re.IGNORECASE)
_FACET = re.compile(r"\bfacet\s+normal\b|\Asolid\b[^\n]*\n\s*endsolid\b", re.IGNORECASE)
_OBJ_VERTEX = re.compile(rf"^[ \t]*v(?:[ \t]+{_NUMBER}){{2}}", re.MULTILINE | re.IGNORECASE)
_OBJ_WORD = re.compile(
    r"#.*|v|vt|vn|vp|f|fo|l|p|o|g|s|sg|mg|usemtl|mtllib|usemap|maplib|lod|bevel|[cd]_interp"
    r"|shadow_obj|trace_obj|deg|bmat|step|cstype|curv2?|surf|parm|trim|hole|scrv|sp|end|con"
    r"|ctech|stech|bsp|bzp|cdc|cdp|res|call|csh",
    re.IGNORECASE,
)
_GLTF_WORD = re.compile(rb'"(?:asset|meshes|buffers|scenes|accessors|nodes)"')
_PYTHON = re.compile(
    r"^(?:import [\w.]+(?: as \w+)?|from [\w.]+ import [\w(*, ]+|def \w+\(.*|class \w+.*:)\s*$",
    re.MULTILINE,
)

_KINDS: tuple[tuple[str, bool, str], ...] = (
    (r"#!", OTHER, "a script"),
    (r"<!doctype html|<html", OTHER, "a web page (HTML); perhaps a download that went wrong"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?(?:<!--(?:(?!-->)[\s\S])*-->\s*)*"
     r"(?:<!doctype svg[\s\S]{0,2000}?)?<svg",
     MEDIA, "an SVG drawing (export it as PNG)"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?<collada", MEDIA, f"a COLLADA model {EXPORT_MODEL}"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?<x3d", MEDIA, f"an X3D model {EXPORT_MODEL}"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?<amf", MEDIA, f"an AMF model {EXPORT_MODEL}"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?<vtkfile|# vtk datafile", MEDIA, f"a VTK data set {EXPORT_MODEL}"),
    (r"<\?xml|<[a-z]\w*[ >]", OTHER, "XML"),
    (r"#vrml|#x3d", MEDIA, f"a VRML model {EXPORT_MODEL}"),
    (r"iso-10303-21;", MEDIA, f"a STEP model {EXPORT_MODEL}"),
    (r".{0,72}s[ 0]{6}1\s*\n", MEDIA, f"an IGES model {EXPORT_MODEL}"),
    (r"; fbx \d", MEDIA, f"an FBX model {EXPORT_MODEL}"),
    (r"#usda ", MEDIA, f"a USD scene {EXPORT_MODEL}"),
    (r"newmtl|# .*\n+newmtl", OTHER, "the materials of an OBJ (MTL), not its shape"),
    (r"(?:999\n.*\n\s*)*0\s*\n\s*section\b", MEDIA, "a DXF drawing (export a model as OBJ or STL)"),
    (r"#extm3u", OTHER, "a playlist"),
    (r"webvtt|1\s*\n\d\d:\d\d:\d\d", OTHER, "subtitles"),
    (r"-----begin ", OTHER, "a key or certificate"),
    (r"version https://git-lfs", OTHER, "a Git LFS pointer; the file itself was not downloaded"),
)  # fmt: skip

_PLAIN = Kind("plain text", OTHER)


def detect_shape_text(source: Source, text: str) -> Detection | None:
    """Detects a shape in a text; None without one. Raises InputError for unsupported variants."""
    text = re.sub(r"\r\n|\r", "\n", text)
    stripped = text.lstrip("\ufeff \t\n")
    if _STL.match(stripped) and _FACET.search(stripped):
        return Detection("pointcloud", "stl", "ASCII STL text")
    if _PLY.match(stripped):  # in UTF-16: others are known by their first bytes
        return detect_ply(source)
    bare = re.sub(r"#.*", "", stripped)
    off = _OFF.match(bare)
    if off and (off["open"] is None or _is_longer(source, text)):
        return Detection("pointcloud", "off", "OFF header")
    if source.suffix == "off" and _OFF_COUNTS.match(bare):
        return Detection("pointcloud", "off", "OFF by its name (no header)")
    joined = text.replace("\\\n", " ")
    if _only_obj_words(joined) and _has_obj_vertex(source, joined):
        return Detection("pointcloud", "obj", "OBJ text")
    if stripped.startswith(("{", "[")):
        return _detect_json(source)
    if text_kind(text) != _PLAIN:
        return None
    if is_ptx(stripped):
        return Detection("pointcloud", "ptx", "PTX header")
    layout = find_layout(text)
    if layout:
        return Detection("pointcloud", "xyz", str(layout))
    if source.suffix == "obj" and _OBJ_VERTEX.search(text):
        return Detection("pointcloud", "obj", "OBJ by its name (unusual lines in it)")
    return None


def text_kind(text: str) -> Kind:
    """The type of an unsupported text."""
    beginning = text.lstrip("\ufeff \t\r\n")[:_BEGINNING]
    if beginning.startswith(("{", "[")):
        return Kind("JSON", OTHER)
    for pattern, media, words in _KINDS:
        if re.match(pattern, beginning, re.IGNORECASE):
            return Kind(words, media)
    return Kind("Python source", OTHER) if _PYTHON.search(text) else _PLAIN


def _only_obj_words(text: str) -> bool:
    """Whether every line begins with a word of OBJ, and some do."""
    words = [line.split(None, 1)[0] for line in text.split("\n") if line.strip()]
    return bool(words) and all(map(_OBJ_WORD.fullmatch, words))


def _has_obj_vertex(source: Source, text: str) -> bool:
    """Whether the beginning of a file has a vertex, or the rest of it has one soon enough.

    Comments, names of materials and texture coordinates may fill more than the beginning.
    """
    if _OBJ_VERTEX.search(text):
        return True
    if not _is_longer(source, text):
        return False
    with source.open() as stream:
        return any(_OBJ_VERTEX.search(block.decode("latin-1")) for block in line_blocks(stream))


def _is_longer(source: Source, text: str) -> bool:
    """Whether a file is longer than its beginning."""
    with source.open() as stream:
        return stream.seek(0, os.SEEK_END) > max(len(text), HEAD_BYTES)


def _detect_json(source: Source) -> Detection | None:
    """Detects glTF, whose keys have any order, so that the identifying one may be at the end."""
    size = 2**20
    with source.open() as stream:
        tail, words = b"", set[bytes]()
        while piece := stream.read(size):
            words |= set(_GLTF_WORD.findall(tail + piece))
            tail = piece[-20:]
    if (b'"asset"' not in words and source.suffix != "gltf") or len(words) < 2:
        return None
    return detect_gltf(source)
