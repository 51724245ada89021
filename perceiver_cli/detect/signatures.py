"""Magic bytes of supported formats, and of related unsupported ones."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum, auto


class Family(Enum):
    """The next step of detection."""

    PICTURE = auto()
    SOUND = auto()
    CONTAINER = auto()
    SHAPE = auto()
    ARRAY = auto()
    ARCHIVE = auto()
    UNSUPPORTED = auto()


@dataclass(frozen=True)
class Signature:
    """A recognised beginning; for UNSUPPORTED the label is the message for the user."""

    family: Family
    format: str
    label: str


_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"

_PLAIN: tuple[tuple[bytes, Family, str, str], ...] = (
    (b"\xff\xd8\xff", Family.PICTURE, "jpeg", "JPEG header"),
    (b"\x89PNG\r\n\x1a\n", Family.PICTURE, "png", "PNG header"),
    (b"GIF87a", Family.PICTURE, "gif", "GIF header"),
    (b"GIF89a", Family.PICTURE, "gif", "GIF header"),
    (b"II*\0", Family.PICTURE, "tiff", "TIFF header"),
    (b"MM\0*", Family.PICTURE, "tiff", "TIFF header"),
    (b"II+\0", Family.PICTURE, "tiff", "BigTIFF header"),
    (b"MM\0+", Family.PICTURE, "tiff", "BigTIFF header"),
    (_JP2 + b"\0\0\0\x18ftypmjp2", Family.CONTAINER, "mov", "Motion JPEG 2000"),
    (_JP2 + b"\0\0\0\x14ftypjpm ", Family.UNSUPPORTED, "jpm", "looks like a JPM document"),
    (_JP2, Family.PICTURE, "jp2", "JPEG 2000 header"),
    (b"\xff\x4f\xff\x51", Family.PICTURE, "jp2", "JPEG 2000 code stream"),
    (b"8BPS\0\1", Family.PICTURE, "psd", "Photoshop header"),
    (b"icns\0", Family.PICTURE, "icns", "ICNS header"),
    (b"\x59\xa6\x6a\x95", Family.PICTURE, "sun", "Sun raster header"),
    (b"\x01\xda\0\1\0", Family.PICTURE, "sgi", "SGI header"),
    (b"\x01\xda\1\1\0", Family.PICTURE, "sgi", "SGI header"),
    (b"\x01\xda\0\2\0", Family.PICTURE, "sgi", "SGI header"),
    (b"\x01\xda\1\2\0", Family.PICTURE, "sgi", "SGI header"),
    (b"fLaC", Family.SOUND, "flac", "FLAC header"),
    (b".snd", Family.SOUND, "au", "AU header"),
    (b"caff\0\x01", Family.SOUND, "caf", "CAF header"),
    (b"riff\x2e\x91\xcf\x11", Family.SOUND, "w64", "Wave64 header"),
    (b"#!AMR", Family.SOUND, "amr", "AMR header"),
    (b"TTA1", Family.SOUND, "tta", "TTA header"),
    (b"TTA2", Family.SOUND, "tta", "TTA header"),
    (b"MAC ", Family.SOUND, "ape", "Monkey's Audio header"),
    (b"wvpk", Family.SOUND, "wavpack", "WavPack header"),
    (b"DSD \x1c\0\0\0", Family.SOUND, "dsf", "DSF header"),
    (b"MPCK", Family.SOUND, "musepack8", "Musepack header"),
    (b"MP+", Family.SOUND, "musepack", "Musepack header"),
    (b"tBaK", Family.SOUND, "tak", "TAK header"),
    (b"\x7f\xfe\x80\x01", Family.SOUND, "dts", "DTS frames"),
    (b"Creative Voice File\x1a", Family.SOUND, "voc", "VOC header"),
    (b"NIST_1A\n", Family.SOUND, "sphere", "SPHERE header"),
    (b"ajkg", Family.SOUND, "shorten", "Shorten header"),
    (b".RMF", Family.CONTAINER, "rm", "RealMedia"),
    (b".ra\xfd", Family.CONTAINER, "rm", "RealAudio"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", Family.CONTAINER, "mxf", "MXF"),
    (b"YUV4MPEG2 ", Family.CONTAINER, "y4m", "YUV4MPEG"),
    (b"DKIF\0\0", Family.CONTAINER, "ivf", "IVF"),
    (b"\x1f\x07\0", Family.CONTAINER, "dv", "DV"),
    (b"OggS", Family.CONTAINER, "ogg", "Ogg"),
    (b"FLV\x01", Family.CONTAINER, "flv", "FLV"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Family.CONTAINER, "asf", "ASF (WMV, WMA)"),
    (b"\0\0\x01\xba", Family.CONTAINER, "mpeg", "MPEG program stream"),
    (b"\0\0\x01\xb3", Family.CONTAINER, "mpegvideo", "MPEG video stream"),
    (b"glTF", Family.SHAPE, "glb", "GLB header"),
    (b"\x93NUMPY", Family.ARRAY, "npy", "NumPy header"),
    (b"PK\x03\x04", Family.ARCHIVE, "zip", "ZIP header"),
    (b"PK\x05\x06", Family.ARCHIVE, "zip", "ZIP header"),
)

_PLY = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,80}ply[ \t]{0,80}[\r\n]", re.IGNORECASE)
_PCD = re.compile(
    rb"(?:\s|#[^\r\n]*[\r\n])*VERSION[ \t]+[\d.]+\s+(?:FIELDS|COLUMNS)\s"
    rb"|# ?\.PCD v",
    re.IGNORECASE,
)

_RIFF = {
    b"WAVE": (Family.SOUND, "wav", "WAVE header"),
    b"WEBP": (Family.PICTURE, "webp", "WEBP header"),
    b"AVI ": (Family.CONTAINER, "avi", "AVI"),
}

# Major brands of ISO media files; brands not named here are MP4.
_BRANDS = {
    b"qt  ": ("mov", "MOV"),
    b"M4A ": ("m4a", "M4A"),
    b"M4B ": ("m4a", "M4B"),
    b"M4P ": ("m4a", "M4P"),
    b"3gp": ("3gp", "3GP"),
    b"3g2": ("3gp", "3G2"),
}
_HEIF_BRANDS = frozenset(
    (
        *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"),
        *(b"avci", b"avcs", b"vvic", b"vvis", b"jpeg", b"jpgs", b"j2ki", b"j2is", b"unif"),
    )
)
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_DIB_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def find_signature(head: bytes) -> Signature | None:
    """The signature at the beginning of a file, or None."""
    for magic, family, format, label in _PLAIN:
        if head.startswith(magic):
            return Signature(family, format, label)
    if _PLY.match(head):
        return Signature(Family.SHAPE, "ply", "PLY header")
    if _PCD.match(head):
        return Signature(Family.SHAPE, "pcd", "PCD header")
    return _riff(head) or _iso_media(head) or _matroska(head) or _aiff(head) or _small_headers(head)


def _riff(head: bytes) -> Signature | None:
    chunk = head[:4]
    if chunk not in (b"RIFF", b"RIFX", b"RF64", b"BW64") or head[8:12] not in _RIFF:
        return None
    family, format, label = _RIFF[head[8:12]]
    joined = label if family is Family.CONTAINER else f"{chunk.decode()}/{label}"
    return Signature(family, format, joined)


def _iso_media(head: bytes) -> Signature | None:
    kind, major = head[4:8], head[8:12]
    if kind == b"styp":
        return Signature(
            Family.UNSUPPORTED, "mp4", "a segment of a streamed video without its beginning"
        )
    if kind != b"ftyp":
        length = int.from_bytes(head[:4], "big")
        old = kind in _QUICKTIME_ATOMS and (length >= 8 or length in (0, 1))
        return Signature(Family.CONTAINER, "mov", "MOV") if old else None
    length = int.from_bytes(head[:4], "big")
    brands = {major} | {head[at : at + 4] for at in range(16, min(length, len(head)), 4)}
    if brands & {b"avif", b"avis"}:
        return Signature(Family.PICTURE, "avif", "AVIF header")
    if major in _HEIF_BRANDS:
        return Signature(Family.PICTURE, "heic", "HEIC header")
    if major == b"mif3":
        problem = "looks like a HEIF picture in its short form; export it as JPEG"
        return Signature(Family.UNSUPPORTED, "heic", problem)
    if major == b"crx ":
        return Signature(
            Family.UNSUPPORTED, "cr3", "looks like a Canon raw photo; export it as JPEG"
        )
    format, label = _BRANDS.get(major) or _BRANDS.get(major[:3]) or ("mp4", "MP4")
    return Signature(Family.CONTAINER, format, label)


def _matroska(head: bytes) -> Signature | None:
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    if b"webm" in head[:64]:
        return Signature(Family.CONTAINER, "webm", "WebM")
    return Signature(Family.CONTAINER, "mkv", "Matroska")


def _aiff(head: bytes) -> Signature | None:
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Signature(Family.SOUND, "aiff", f"{head[8:12].decode()} header")
    if head[:4] == b"FORM" and head[8:12] in (b"8SVX", b"16SV"):
        return Signature(Family.SOUND, "iff", f"{head[8:12].decode()} header")
    if head[:4] == b"FRM8" and head[12:16] == b"DSD ":
        return Signature(Family.SOUND, "iff", "DSDIFF header")
    return None


def _small_headers(head: bytes) -> Signature | None:
    """Signatures of two letters, which need further checks."""
    if head[:2] == b"BM" and len(head) >= 18:
        (dib,) = struct.unpack_from("<I", head, 14)
        if dib in _DIB_HEADERS:
            return Signature(Family.PICTURE, "bmp", "BMP header")
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        words = head[:200].split()
        if len(words) > 1 and (words[1].isdigit() or words[1].startswith(b"#")):
            return Signature(Family.PICTURE, "ppm", "PNM header")
    if head[:3] in (b"Pf\n", b"PF\n") and head[3:4].isdigit():
        if head[1:2] == b"f":
            return Signature(Family.PICTURE, "ppm", "PFM header")
        problem = "looks like a PFM picture in colour; export it as PNG or JPEG"
        return Signature(Family.UNSUPPORTED, "ppm", problem)
    return None
