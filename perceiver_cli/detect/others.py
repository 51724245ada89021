"""Names for common binary files that are not media, so that the refusal can say what it saw."""

from __future__ import annotations

import re

from perceiver_cli.detect.detection import EXPORT_MODEL

_RAW = "raw photo (export it as JPEG)"
_SCORE = "tracker module (notes, not sound; render it to WAV first)"


_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "a PDF document"),
    (0, b"\x7fELF", "a program (ELF executable)"),
    (0, b"MZ", "a Windows program"),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program"),
    (0, b"\xca\xfe\xba\xbe", "a Java class or macOS program"),
    (0, b"\0asm", "a WebAssembly program"),
    (0, b"\x1f\x8b", "gzip-compressed data (unpack it first)"),
    (0, b"BZh", "bzip2-compressed data (unpack it first)"),
    (0, b"\xfd7zXZ\0", "xz-compressed data (unpack it first)"),
    (0, b"\x28\xb5\x2f\xfd", "zstd-compressed data (unpack it first)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (0, b"Rar!\x1a\x07", "a RAR archive (unpack it first)"),
    (257, b"ustar", "a tar archive (unpack it first)"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"MATLAB 5.0", "a MATLAB file"),
    (0, b"OTTO", "a font"),
    (0, b"\0\x01\0\0\0", "a font"),
    (0, b"ttcf", "a font"),
    (0, b"wOFF", "a web font"),
    (0, b"wOF2", "a web font"),
    (0, b"MThd", "a MIDI score (notes, not sound; render it to WAV first)"),
    (0, b"8BPS", "a large Photoshop document (export it as PNG or JPEG)"),
    (0, b"gimp xcf", "a GIMP document (export it as PNG or JPEG)"),
    (0, b"P7\n", "a PAM picture (export it as PNG)"),
    (0, b"qoif", "a QOI picture (export it as PNG)"),
    (0, b"DDS |\0\0\0", "a DDS texture (export it as PNG)"),
    (0, b"farbfeld", "a farbfeld picture (export it as PNG)"),
    (0, b"SIMPLE  =", "a FITS picture (export it as PNG)"),
    (0, b"SDPX", "a DPX picture (export it as PNG or JPEG)"),
    (0, b"XPDS", "a DPX picture (export it as PNG or JPEG)"),
    (0, b"II\xbc\x01", "a JPEG XR picture (export it as PNG or JPEG)"),
    (0, b"BPG\xfb", "a BPG picture (export it as PNG or JPEG)"),
    (0, b"FLIF", "a FLIF picture (export it as PNG or JPEG)"),
    (0, b"\x8aMNG", "an MNG animation (export it as GIF or WebP)"),
    (0, b"\x8bJNG", "a JNG picture (export it as PNG or JPEG)"),
    (0, b"AT&TFORM", "a DjVu document (export it as PNG or JPEG)"),
    (0, b"BLP1", "a BLP texture (export it as PNG)"),
    (0, b"BLP2", "a BLP texture (export it as PNG)"),
    (0, b"\xabKTX", "a KTX texture (export it as PNG)"),
    (0, b"\xd7\xcd\xc6\x9a", "a WMF drawing (export it as PNG)"),
    (40, b" EMF", "an EMF drawing (export it as PNG)"),
    (0, b"\0\0\x02\0", "a mouse pointer (export it as PNG)"),
    (0, b"IIRO", f"an Olympus {_RAW}"),
    (0, b"IIRS", f"an Olympus {_RAW}"),
    (0, b"MMOR", f"an Olympus {_RAW}"),
    (0, b"IIU\0", f"a Panasonic {_RAW}"),
    (0, b"FUJIFILMCCD-RAW", f"a Fujifilm {_RAW}"),
    (0, b"FOVb", f"a Sigma {_RAW}"),
    (0, b"\0MRM", f"a Minolta {_RAW}"),
    (6, b"HEAPCCDR", f"a Canon {_RAW}"),
    (0, b"FWS", "a Flash film"),
    (0, b"CWS", "a Flash film"),
    (0, b"ZWS", "a Flash film"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture (export it as PNG or JPEG)"),
    (0, b"#?RADIANCE", "a Radiance HDR picture (export it as PNG or JPEG)"),
    (0, b"\xff\x0a", "a JPEG XL picture (export it as PNG or JPEG)"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture (export it as PNG or JPEG)"),
    (128, b"DICM", "a DICOM picture (export it as PNG)"),
    (0, b"Kaydara FBX Binary", f"an FBX model {EXPORT_MODEL}"),
    (0, b"BLENDER", f"a Blender scene {EXPORT_MODEL}"),
    (0, b"PXR-USDC", f"a USD scene {EXPORT_MODEL}"),
    (0, b"3D Geometry File Format", f"a Rhino model {EXPORT_MODEL}"),
    (0, b"\xff\xfe\xff\x0eS\0k\0e\0t\0c\0h\0U\0p\0", f"a SketchUp model {EXPORT_MODEL}"),
    (0, b"AC10", "a DWG drawing (export a model as OBJ or STL)"),
    (0, b"#ROSBAG V", "a robot's recording (export its clouds as PLY or PCD)"),
    (0, b"LASF", "a LAS point cloud (export it as PLY or XYZ)"),
    (0, b"ASTM-E57", "an E57 point cloud (export it as PLY or XYZ)"),
    (0, b"ADIF", "an AAC sound in its oldest form (convert it to M4A or WAV)"),
    (0, b"OFR ", "an OptimFROG sound (convert it to FLAC or WAV)"),
    (0, b"#!SILK", "a SILK voice message (convert it to MP3 or WAV)"),
    (0, b"\x02#!SILK", "a SILK voice message (convert it to MP3 or WAV)"),
    (0, b"Extended Module: ", f"a {_SCORE}"),
    (0, b"IMPM", f"a {_SCORE}"),
    (44, b"SCRM", f"a {_SCORE}"),
    (1080, b"M.K.", f"a {_SCORE}"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"{\\rtf", "a rich text document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document"),
)

# Alone, or in an array of several sizes.
_OS2_ICON = re.compile(rb"(?:BA.{12})?(?:CI|IC|CP|PT)[\x1a\x4e]\0\0\0", re.DOTALL)


def binary_kind(head: bytes) -> str | None:
    """What a known non-media file is, as "a PDF document", or None."""
    for offset, magic, kind in _KINDS:
        if head[offset : offset + len(magic)] == magic:
            return kind
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and head[1:2]:
        return "a Python pickle, which is never loaded"
    if head[4:8] == b"\0\0\0\0" and head[8:9] == b"{":
        return "a safetensors file"
    if _OS2_ICON.match(head):
        return "an OS/2 icon or mouse pointer (export it as PNG)"
    if head[:4] == b"RIFF" and head[8:12] == b"RMID":
        return "a MIDI score (notes, not sound; render it to WAV first)"
    return None
