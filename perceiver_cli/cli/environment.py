"""Facts about the installation for `perceiver doctor`: versions, device, codecs."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

Rows = list[tuple[str, str]]

_PACKAGES = (
    "perceiver-cli",
    "torch",
    "numpy",
    "pillow",
    "av",
    "soundfile",
    "trimesh",
    "safetensors",
    "typer",
    "rich",
    "jinja2",
    "fsspec",
    "huggingface-hub",
    "filelock",
    "platformdirs",
    "threadpoolctl",
)
_PICTURES = {
    "JPEG": ("codec", "jpg"),
    "PNG": ("codec", "zlib"),
    "TIFF": ("codec", "libtiff"),
    "WebP": ("module", "webp"),
    "AVIF": ("module", "avif"),
    "JPEG 2000": ("codec", "jpg_2000"),
}
_VIDEOS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg")
_SOUNDS = ("aac", "mp3", "opus", "vorbis")


def versions() -> Rows:
    """Python's version and that of every package that is needed."""
    rows = [("python", f"{platform.python_version()} ({sys.executable})")]
    return rows + [(name, _version(name)) for name in _PACKAGES]


def computing() -> Rows:
    """Processor, threads, and what "auto" picks."""
    import torch

    from perceiver_cli.device import pick_device
    from perceiver_cli.model.quantization.precision import precision_in_words, precisions_in_words

    device = pick_device("auto")
    return [
        ("system", f"{platform.system()} {platform.machine()}"),
        ("device", str(device)),
        ("precision", "auto takes " + precision_in_words("auto", device)),
        *precisions_in_words(device),
        ("threads", str(torch.get_num_threads())),
    ]


def codecs() -> Rows:
    """The formats that the decoding libraries were built with."""
    import av
    import soundfile
    from PIL import features

    checks = {"codec": features.check_codec, "module": features.check_module}
    pictures = [name for name, (kind, key) in _PICTURES.items() if checks[kind](key)]
    formats = ", ".join(sorted(soundfile.available_formats()))
    return [
        ("pictures", ", ".join(pictures)),
        ("sounds", f"libsndfile {soundfile.__libsndfile_version__}: {formats}"),
        ("video", f"ffmpeg {av.ffmpeg_version_info}: {', '.join(_decoders(_VIDEOS))}"),
        ("its sound", ", ".join(_decoders(_SOUNDS))),
    ]


def _decoders(names: tuple[str, ...]) -> list[str]:
    import av

    return [name for name in names if name in av.codecs_available]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
