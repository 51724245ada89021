"""NumPy files, including .npz files, which are ZIP archives."""

from __future__ import annotations

import zipfile

from perceiver_cli.detect.detection import EXPORT_MODEL, MEDIA, OTHER, Detection, Kind, unread
from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.media.arrays import choose_array
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.source import Source

# Members that identify the format of a ZIP archive.
_ZIP_KINDS = (
    ("word/", OTHER, "a Word document"),
    ("xl/", OTHER, "an Excel table"),
    ("ppt/", OTHER, "a PowerPoint presentation"),
    ("META-INF/container.xml", OTHER, "an e-book"),
    ("AndroidManifest.xml", OTHER, "an Android app"),
    ("META-INF/MANIFEST.MF", OTHER, "a Java archive"),
    ("3D/3dmodel.model", MEDIA, "a 3MF model (export it as STL, OBJ or GLB)"),
    ("mergedimage.png", MEDIA, "a layered drawing of Krita or OpenRaster (export it as PNG)"),
    ("doc.kml", OTHER, "a map (KMZ)"),
    ("content.xml", OTHER, "an OpenDocument file"),
    ("archive/data.pkl", OTHER, "a PyTorch checkpoint"),
)


def detect_array(source: Source, format: str) -> Detection:
    """image or pointcloud by the array's shape and type."""
    try:
        modality, header = choose_array(source, format)
    except InputError as error:
        if error.kind == "unsupported":  # arrays may have any meaning
            raise NotMediaError(error.kind, error.message, error.detail) from error
        raise
    name = f" {header.name!r}" if header.name else ""
    return Detection(modality, format, f"NumPy array{name}{str(header).removeprefix('array')}")


def detect_archive(source: Source) -> Detection:
    """An .npz; any other ZIP archive is unsupported."""
    try:
        names = _names(source)
    except InputError as error:
        if error.kind == "corrupt" and source.suffix == "zip":  # the name of no media
            raise NotMediaError(error.kind, error.message, error.detail) from error
        raise
    if names and all(name.endswith(".npy") for name in names):
        return detect_array(source, "npz")
    if names and names[0].endswith((".usda", ".usdc", ".usd")):
        raise unread(Kind(f"a USD scene {EXPORT_MODEL}", MEDIA))
    for mark, media, words in _ZIP_KINDS:
        if any(name.startswith(mark) for name in names):
            raise unread(Kind(words, media))
    raise unread(Kind("a ZIP archive (unpack it first)", OTHER))


def _names(source: Source) -> list[str]:
    """The names of the members. Raises InputError "corrupt" for damage."""
    with (
        wrap_errors("corrupt", "a ZIP or NPZ archive that is cut off or damaged"),
        source.open() as stream,
        zipfile.ZipFile(stream) as archive,
    ):
        return archive.namelist()
