"""The two steps of decoding, whatever a file holds: each gives its value or an InputError.

Imports no torch: decoding processes run this.
"""

from __future__ import annotations

from typing import Any

from perceiver_cli.detect import Detection
from perceiver_cli.detect import detect as detect_content
from perceiver_cli.media.failures import failing_as
from perceiver_cli.media.loading import load as load_media
from perceiver_cli.media.types import Media, Source

_PUZZLING = "its content makes no sense to the decoder"


def detect(source: Source) -> Detection:
    """What a source is. Raises InputError."""
    with failing_as("corrupt", _PUZZLING):
        return detect_content(source)


def load(source: Source, detection: Detection, needs: Any) -> Media:
    """What a model needs of a source. Raises InputError."""
    with failing_as("corrupt", _PUZZLING):
        return load_media(source, detection, needs)
