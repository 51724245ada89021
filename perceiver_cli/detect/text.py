"""Text: shapes written as text, and names for text that is something else."""

from __future__ import annotations

import json
import re

from perceiver_cli.detect.detection import Detection
from perceiver_cli.errors import InputError
from perceiver_cli.media.failures import failing_as
from perceiver_cli.media.textpoints import find_layout
from perceiver_cli.media.types import Source

# What tells one kind of text from another stands in its first characters.
_BEGINNING = 4000

# None of these patterns can match a stretch of text in more than one way: on text made to harm, the
# search for all of them would not end.
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+|nan|inf)(?:[eE][-+]?\d+)?"
_OFF = re.compile(r"\s*(?:ST)?C?N?OFF\s*\d+\s+\d+")
_OBJ_VERTEX = re.compile(rf"^[ \t]*v(?:[ \t]+{_NUMBER}){{3}}", re.MULTILINE | re.IGNORECASE)
_OBJ_WORD = re.compile(
    r"#.*|v|vt|vn|vp|f|l|p|o|g|s|mg|usemtl|mtllib|usemap|maplib|lod|bevel|[cd]_interp"
    r"|shadow_obj|trace_obj|deg|cstype|curv2?|surf|parm|trim|hole|end"
)
_PYTHON = re.compile(
    r"^(?:import [\w.]+(?: as \w+)?|from [\w.]+ import [\w(*, ]+|def \w+\(.*|class \w+.*:)\s*$",
    re.MULTILINE,
)

_KINDS: tuple[tuple[str, str], ...] = (
    (r"#!", "a script"),
    (r"<!doctype html|<html", "a web page (HTML); perhaps a download that went wrong"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?(?:<!--(?:(?!-->)[\s\S])*-->\s*)*"
     r"(?:<!doctype svg[\s\S]{0,2000}?)?<svg",
     "an SVG drawing (export it as PNG)"),
    (r"(?:<\?xml[\s\S]{0,2000}?)?<collada", "a COLLADA model (export it as GLB, OBJ or PLY)"),
    (r"<\?xml|<[a-z]\w*[ >]", "XML"),
    (r"#vrml|#x3d", "a VRML model (export it as GLB, OBJ or PLY)"),
    (r"# \.pcd|version \.7\s+fields", "a PCD point cloud (export it as PLY or XYZ)"),
    (r"newmtl|# .*\n+newmtl", "the materials of an OBJ (MTL), not its shape"),
    (r"#extm3u", "a playlist"),
    (r"webvtt|1\s*\n\d\d:\d\d:\d\d", "subtitles"),
    (r"-----begin ", "a key or certificate"),
    (r"version https://git-lfs", "a Git LFS pointer; the file itself was not downloaded"),
)  # fmt: skip


def detect_text(source: Source, text: str, wanted: str) -> Detection:
    """A shape in text form. Raises InputError("unsupported") saying what the text looks like."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if re.match(r"solid\b[\s\S]{0,4000}?\bfacet\s+normal", stripped, re.IGNORECASE):
        return Detection("pointcloud", "stl", "ASCII STL text")
    if _OFF.match(re.sub(r"#.*", "", stripped[:_BEGINNING])):
        return Detection("pointcloud", "off", "OFF header")
    if _OBJ_VERTEX.search(text) and _only_obj_words(text):
        return Detection("pointcloud", "obj", "OBJ text")
    if stripped.startswith(("{", "[")):
        return _detect_json(source, stripped, wanted)
    for pattern, kind in _KINDS:
        if re.match(pattern, stripped[:_BEGINNING], re.IGNORECASE):
            raise InputError("unsupported", f"looks like {kind}; {wanted}")
    if _PYTHON.search(text):
        raise InputError("unsupported", f"looks like Python source; {wanted}")
    layout = find_layout(text)
    if layout:
        return Detection("pointcloud", "xyz", str(layout))
    if source.suffix == "obj" and _OBJ_VERTEX.search(text):
        return Detection("pointcloud", "obj", "OBJ by its name (unusual lines in it)")
    raise InputError("unsupported", f"looks like plain text; {wanted}")


def _only_obj_words(text: str) -> bool:
    continued = False
    for line in text.splitlines():
        words = line.split(None, 1)
        if words and not continued and not _OBJ_WORD.fullmatch(words[0]):
            return False
        continued = line.rstrip().endswith("\\")
    return True


def _detect_json(source: Source, head: str, wanted: str) -> Detection:
    if not ('"asset"' in head and re.search(r'"(meshes|buffers|scenes)"', head)):
        raise InputError("unsupported", f"looks like JSON; {wanted}")
    with failing_as("corrupt", "the glTF file is cut off or damaged"), source.open() as stream:
        buffers = json.load(stream).get("buffers", [])
        embedded = all(str(each.get("uri", "")).startswith("data:") for each in buffers)
    if not embedded:
        raise InputError(
            "unsupported", "a glTF file whose geometry is in other files; save it as .glb"
        )
    return Detection("pointcloud", "gltf", "glTF with its buffers inside")
