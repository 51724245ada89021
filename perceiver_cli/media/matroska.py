"""Whether streams of Matroska end where their tags state, because its demuxer skips damage.

After damage the demuxer continues with the next cluster, without an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perceiver_cli.media.containers import open_container, picture_stream, sound_stream
from perceiver_cli.media.extents import measured_extent
from perceiver_cli.media.packets import ignore_damage
from perceiver_cli.media.source import Source

if TYPE_CHECKING:
    from av.container import InputContainer

_FORMATS = frozenset({"mkv", "webm"})

# The tag of the time at which a stream ends.
_END = "DURATION"
# By how many seconds a damaged stream ends earlier, and how many are read at the stated end.
_LOST_S, _READ_S = 0.5, 2.0


def streams_that_end_early(source: Source, format: str) -> frozenset[str]:
    """The types ("video", "audio") of the decoded streams that lack packets at their end.

    Only the end of a file is read, unless it is damaged.

    Args:
        source: The file.
        format: detect's name for its format. Others than Matroska are not read.

    Raises:
        InputError: As open_container.
    """
    if format not in _FORMATS:
        return frozenset()
    with open_container(source, format) as container:
        streams = (picture_stream(container), sound_stream(container))
        return frozenset(each.type for each in streams if each and _ends_early(container, each))


def _ends_early(container: InputContainer, stream: Any) -> bool:
    end_s = _seconds(stream.metadata.get(_END, ""))
    if not end_s:
        return False
    with ignore_damage():
        container.seek(int(max(0.0, end_s - _READ_S) / stream.time_base), stream=stream)
    found = measured_extent(container, stream)
    return found is None or (found.timed and found.end_s < end_s - _LOST_S)


def _seconds(clock: str) -> float:
    """A time such as 00:00:02.5 in seconds; 0 if it is none."""
    try:
        hours, minutes, seconds = map(float, clock.split(":"))
    except ValueError:
        return 0.0
    return 3600 * hours + 60 * minutes + seconds
