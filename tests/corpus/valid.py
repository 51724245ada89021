"""A small valid file of every supported kind, to be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import samples


def _silent(path: Path) -> Path:
    return samples.make_av(path, 0.5, sound=None)


def _with_sound(path: Path) -> Path:
    return samples.make_av(path, 0.5)


def _sound_only(path: Path) -> Path:
    return samples.make_av(path, 0.5, pictures=None)


def _gltf(path: Path) -> Path:
    import trimesh

    (text,) = trimesh.creation.box().export(file_type="gltf", embed_buffers=True).values()
    path.write_bytes(text)
    return path


def _pcd(path: Path) -> Path:
    points = samples.cloud_array(60).astype("<f4")
    head = "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 60\nHEIGHT 1\n"
    path.write_bytes(f"{head}POINTS 60\nDATA binary\n".encode() + points.tobytes())
    return path


def _ptx(path: Path) -> Path:
    rows = "".join("{:.3f} {:.3f} {:.3f} 0.5\n".format(*p) for p in samples.cloud_array(60))
    path.write_text("10\n6\n" + "0 0 0\n" * 4 + "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n" + rows)
    return path


def _mixed_ply(path: Path) -> Path:
    """Triangles and quads, so that no two records need have the same length."""
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 5\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += "element face 3\nproperty list uchar int vertex_indices\nend_header\n"
    faces = b"".join(
        bytes([len(face)]) + np.array(face, "<i4").tobytes()
        for face in ((0, 1, 2), (0, 1, 2, 3), (2, 3, 4))
    )
    path.write_bytes(head.encode() + samples.cloud_array(5).astype("<f4").tobytes() + faces)
    return path


def _array(values: np.ndarray) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (np.savez if path.suffix == ".npz" else np.save)(path, values)
        return path

    return make


# Ending -> what makes the file; a word before the dot tells files of one ending apart.
MAKERS: dict[str, Callable[[Path], Path]] = {
    **{
        f"{name}": samples.make_picture
        for name in ("jpg", "png", "webp", "bmp", "tiff", "gif", "avif", "ppm")
    },
    **{
        f"moving.{name}": lambda path: samples.make_animation(path, [90] * 3)
        for name in ("gif", "png", "webp")
    },
    **{
        name: lambda path: samples.make_sound(path, 0.5)
        for name in ("wav", "flac", "ogg", "mp3", "aiff", "au", "caf")
    },
    "m4a": lambda path: samples.make_av(path, 0.5, pictures=None, format="mp4"),
    "aac": lambda path: samples.make_av(path, 0.5, pictures=None, format="adts"),
    **dict.fromkeys(("mp4", "mkv", "mov", "ts", "flv"), _with_sound),
    "webm": lambda path: samples.make_av(path, 0.5, pictures="libvpx-vp9", sound="libopus"),
    "mpg": lambda path: samples.make_av(
        path, 0.5, pictures="mpeg2video", sound="mp2", format="mpeg"
    ),
    "avi": lambda path: samples.make_av(path, 0.5, pictures="mpeg4", sound="mp3"),
    "silent.mp4": _silent,
    "sound.mkv": _sound_only,
    **dict.fromkeys(("ply", "obj", "stl", "off", "glb"), samples.make_mesh),
    "text.ply": lambda path: samples.make_mesh(path, encoding="ascii"),
    "text.stl": lambda path: samples.make_mesh(path, file_type="stl_ascii"),
    "gltf": _gltf,
    "pcd": _pcd,
    "ptx": _ptx,
    "mixed.ply": _mixed_ply,
    "xyz": samples.make_text_cloud,
    "csv": lambda path: samples.make_text_cloud(path, separator=",", header="x,y,z"),
    "npy": _array(samples.cloud_array()),
    "npz": _array(samples.cloud_array()),
    "picture.npy": _array(samples.picture_array()),
}
