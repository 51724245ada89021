"""Names of common binary formats that are not supported, for error messages."""

from __future__ import annotations

import re

from perceiver_cli.detect.detection import EXPORT_MODEL, MEDIA, OTHER, Kind

_RAW = "raw photo (export it as JPEG)"
_SCORE = "tracker module (notes, not sound; render it to WAV first)"


_KINDS: tuple[tuple[int, bytes, bool, str], ...] = (
    (0, b"%PDF", OTHER, "a PDF document"),
    (0, b"\x7fELF", OTHER, "a program (ELF executable)"),
    (0, b"MZ", OTHER, "a Windows program"),
    (0, b"\xcf\xfa\xed\xfe", OTHER, "a macOS program"),
    (0, b"\xca\xfe\xba\xbe", OTHER, "a Java class or macOS program"),
    (0, b"\0asm", OTHER, "a WebAssembly program"),
    (0, b"\x1f\x8b", OTHER, "gzip-compressed data (unpack it first)"),
    (0, b"BZh", OTHER, "bzip2-compressed data (unpack it first)"),
    (0, b"\xfd7zXZ\0", OTHER, "xz-compressed data (unpack it first)"),
    (0, b"\x28\xb5\x2f\xfd", OTHER, "zstd-compressed data (unpack it first)"),
    (0, b"7z\xbc\xaf\x27\x1c", OTHER, "a 7z archive (unpack it first)"),
    (0, b"Rar!\x1a\x07", OTHER, "a RAR archive (unpack it first)"),
    (257, b"ustar", OTHER, "a tar archive (unpack it first)"),
    (0, b"SQLite format 3\0", OTHER, "an SQLite database"),
    (0, b"PAR1", OTHER, "a Parquet table"),
    (0, b"\x89HDF\r\n\x1a\n", OTHER, "an HDF5 file"),
    (0, b"MATLAB 5.0", OTHER, "a MATLAB file"),
    (0, b"OTTO", OTHER, "a font"),
    (0, b"\0\x01\0\0\0", OTHER, "a font"),
    (0, b"ttcf", OTHER, "a font"),
    (0, b"wOFF", OTHER, "a web font"),
    (0, b"wOF2", OTHER, "a web font"),
    (0, b"MThd", OTHER, "a MIDI score (notes, not sound; render it to WAV first)"),
    (0, b"8BPS", MEDIA, "a large Photoshop document (export it as PNG or JPEG)"),
    (0, b"gimp xcf", MEDIA, "a GIMP document (export it as PNG or JPEG)"),
    (0, b"P7\n", MEDIA, "a PAM picture (export it as PNG)"),
    (0, b"qoif", MEDIA, "a QOI picture (export it as PNG)"),
    (0, b"DDS |\0\0\0", MEDIA, "a DDS texture (export it as PNG)"),
    (0, b"farbfeld", MEDIA, "a farbfeld picture (export it as PNG)"),
    (0, b"SIMPLE  =", MEDIA, "a FITS picture (export it as PNG)"),
    (0, b"SDPX", MEDIA, "a DPX picture (export it as PNG or JPEG)"),
    (0, b"XPDS", MEDIA, "a DPX picture (export it as PNG or JPEG)"),
    (0, b"II\xbc\x01", MEDIA, "a JPEG XR picture (export it as PNG or JPEG)"),
    (0, b"BPG\xfb", MEDIA, "a BPG picture (export it as PNG or JPEG)"),
    (0, b"FLIF", MEDIA, "a FLIF picture (export it as PNG or JPEG)"),
    (0, b"\x8aMNG", MEDIA, "an MNG animation (export it as GIF or WebP)"),
    (0, b"\x8bJNG", MEDIA, "a JNG picture (export it as PNG or JPEG)"),
    (0, b"AT&TFORM", MEDIA, "a DjVu document (export it as PNG or JPEG)"),
    (0, b"BLP1", MEDIA, "a BLP texture (export it as PNG)"),
    (0, b"BLP2", MEDIA, "a BLP texture (export it as PNG)"),
    (0, b"\xabKTX", MEDIA, "a KTX texture (export it as PNG)"),
    (0, b"\xd7\xcd\xc6\x9a", MEDIA, "a WMF drawing (export it as PNG)"),
    (40, b" EMF", MEDIA, "an EMF drawing (export it as PNG)"),
    (0, b"\0\0\x02\0", MEDIA, "a mouse pointer (export it as PNG)"),
    (0, b"IIRO", MEDIA, f"an Olympus {_RAW}"),
    (0, b"IIRS", MEDIA, f"an Olympus {_RAW}"),
    (0, b"MMOR", MEDIA, f"an Olympus {_RAW}"),
    (0, b"IIU\0", MEDIA, f"a Panasonic {_RAW}"),
    (0, b"FUJIFILMCCD-RAW", MEDIA, f"a Fujifilm {_RAW}"),
    (0, b"FOVb", MEDIA, f"a Sigma {_RAW}"),
    (0, b"\0MRM", MEDIA, f"a Minolta {_RAW}"),
    (6, b"HEAPCCDR", MEDIA, f"a Canon {_RAW}"),
    (0, b"FWS", OTHER, "a Flash film"),
    (0, b"CWS", OTHER, "a Flash film"),
    (0, b"ZWS", OTHER, "a Flash film"),
    (0, b"\x76\x2f\x31\x01", MEDIA, "an OpenEXR picture (export it as PNG or JPEG)"),
    (0, b"#?RADIANCE", MEDIA, "a Radiance HDR picture (export it as PNG or JPEG)"),
    (0, b"\xff\x0a", MEDIA, "a JPEG XL picture (export it as PNG or JPEG)"),
    (0, b"\0\0\0\x0cJXL ", MEDIA, "a JPEG XL picture (export it as PNG or JPEG)"),
    (128, b"DICM", MEDIA, "a DICOM picture (export it as PNG)"),
    (0, b"Kaydara FBX Binary", MEDIA, f"an FBX model {EXPORT_MODEL}"),
    (0, b"BLENDER", MEDIA, f"a Blender scene {EXPORT_MODEL}"),
    (0, b"PXR-USDC", MEDIA, f"a USD scene {EXPORT_MODEL}"),
    (0, b"3D Geometry File Format", MEDIA, f"a Rhino model {EXPORT_MODEL}"),
    (0, b"\xff\xfe\xff\x0eS\0k\0e\0t\0c\0h\0U\0p\0", MEDIA, f"a SketchUp model {EXPORT_MODEL}"),
    (0, b"AC10", MEDIA, "a DWG drawing (export a model as OBJ or STL)"),
    (0, b"#ROSBAG V", MEDIA, "a robot's recording (export its clouds as PLY or PCD)"),
    (0, b"LASF", MEDIA, "a LAS point cloud (export it as PLY or XYZ)"),
    (0, b"ASTM-E57", MEDIA, "an E57 point cloud (export it as PLY or XYZ)"),
    (0, b"ADIF", MEDIA, "an AAC sound in its oldest form (convert it to M4A or WAV)"),
    (0, b"OFR ", MEDIA, "an OptimFROG sound (convert it to FLAC or WAV)"),
    (0, b"#!SILK", MEDIA, "a SILK voice message (convert it to MP3 or WAV)"),
    (0, b"\x02#!SILK", MEDIA, "a SILK voice message (convert it to MP3 or WAV)"),
    (0, b"Extended Module: ", OTHER, f"a {_SCORE}"),
    (0, b"IMPM", OTHER, f"a {_SCORE}"),
    (44, b"SCRM", OTHER, f"a {_SCORE}"),
    (1080, b"M.K.", OTHER, f"a {_SCORE}"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OTHER, "an old Office document"),
    (0, b"{\\rtf", OTHER, "a rich text document"),
    (0, b"%!PS", OTHER, "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", OTHER, "a PostScript document"),
)

# Alone, or in an array of several sizes.
_OS2_ICON = re.compile(rb"(?:BA.{12})?(?:CI|IC|CP|PT)[\x1a\x4e]\0\0\0", re.DOTALL)


def binary_kind(head: bytes) -> Kind | None:
    """The name of a known unsupported format, such as "a PDF document", or None."""
    for offset, magic, media, words in _KINDS:
        if head[offset : offset + len(magic)] == magic:
            return Kind(words, media)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05" and head[1:2]:
        return Kind("a Python pickle, which is never loaded", OTHER)
    if head[4:8] == b"\0\0\0\0" and head[8:9] == b"{":
        return Kind("a safetensors file", OTHER)
    if _OS2_ICON.match(head):
        return Kind("an OS/2 icon or mouse pointer (export it as PNG)", MEDIA)
    if head[:4] == b"RIFF" and head[8:12] == b"RMID":
        return Kind("a MIDI score (notes, not sound; render it to WAV first)", OTHER)
    return None
