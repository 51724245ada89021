"""Values of options of the command line and of arguments of the Python API: each list once.

Modalities have a table of their own (modalities.py). The members are strings.
"""

from __future__ import annotations

from enum import StrEnum

# The default score that an answer must reach; it is then correct at least that often.
SURE = 0.8

# The time limit for decoding one of many inputs, in seconds.
TIMEOUT_S = 300.0

# Maximum number of processor threads: OpenMP crashes with a few thousand more.
MAX_THREADS = 1024


class Device(StrEnum):
    """Where a model runs; auto is the first of cuda, mps and cpu that works."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(StrEnum):
    """Precision of a model's products; auto is the fastest that is about as accurate."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


class Method(StrEnum):
    """How a prediction is attributed to the elements of the byte array."""

    attention = "attention"
    rollout = "rollout"
    gradient = "gradient"


class Format(StrEnum):
    """Formats of results."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    labels = "labels"
    parquet = "parquet"
    audacity = "audacity"
    vtt = "vtt"
    srt = "srt"
