"""Values of records in words."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from perceiver_cli.inputs.names import STDIN, without_credentials

# Characters that end a line or change the order in which text is shown.
_MISLEADING = frozenset(
    chr(code)
    for code in (
        *(0x2028, 0x2029),  # line and paragraph separators
        *(0x061C, 0x200E, 0x200F),  # marks of direction
        *range(0x202A, 0x202F),  # embeddings and overrides
        *range(0x2066, 0x206A),  # isolates
    )
)


def escape_controls(text: str) -> str:
    """Text on one line without terminal control sequences; bytes outside UTF-8 as \\xff.

    Control characters, and those that change the direction of text, are escaped: a file named
    "gpj.exe" behind a right-to-left override would otherwise be shown as "exe.jpg". Backslashes
    are not escaped, because paths are copied from the output, and paths on Windows contain them.
    """
    return "".join(_escaped(c) if _is_unprintable(c) else c for c in text)


def without_stray_bytes(text: str) -> str:
    """The text with bytes outside UTF-8 as \\xff."""
    return "".join(_escaped(c) if 0xD800 <= ord(c) < 0xE000 else c for c in text)


def display_path(path: str) -> str:
    """A path for people; an empty one is ''."""
    if path == STDIN:
        return "standard input"
    return escape_controls(without_credentials(path)) or "''"


def shorten(path: str, width: int, gap: str = "…") -> str:
    """Shortens a path: folders are cut at the end, then the name in the middle.

    Args:
        path: The path, or any other text.
        width: Maximum number of terminal cells.
        gap: The sign for the part that is left out.
    """
    from rich.cells import cell_len

    if cell_len(path) <= width:
        return path
    slash = path.rfind("/")
    folders, name = path[:slash], path[slash:]
    room = width - cell_len(name)
    if slash >= 0 and room >= len(gap):
        return _first_cells(folders, room - len(gap)) + gap + name
    name = path[slash + 1 :]
    room = max(0, width - len(gap))
    tail = _first_cells(name[::-1], room // 2)[::-1]
    return _first_cells(name, room - cell_len(tail)) + gap + tail


def _first_cells(text: str, width: int) -> str:
    from rich.cells import cell_len

    while cell_len(text) > width:
        text = text[:-1]
    return text


def region_in_words(where: dict[str, Any]) -> str:
    """A region of attention as one phrase: "x 120-200, y 40-120", "1.20-1.40 s"."""
    if "start_s" in where:
        return f"{where['start_s']:.2f}-{where['end_s']:.2f} s"
    if "min" in where:
        return _box(where["min"], where["max"])
    time = f"{where['time_s']:.2f} s, " if "time_s" in where else ""
    return f"{time}x {where['x0']}-{where['x1']}, y {where['y0']}-{where['y1']}"


def seconds_in_words(seconds: float) -> str:
    """ "4.0 s", "3 min 20 s", "1 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.1 or seconds == 0 else f"{seconds:.3f} s"
    hours, minutes, whole, _ = clock_parts(seconds)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole} s"


def clock(seconds: float) -> str:
    """ "0:20.5", "1:02:03.0"."""
    hours, minutes, whole, tenths = clock_parts(seconds, 10)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{whole:02}.{tenths}"


def clock_parts(seconds: float, per_second: int = 1) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and fractions of a second.

    Args:
        seconds: The time.
        per_second: The number of fractions in a second, to which the time is rounded.
    """
    whole, fractions = divmod(round(per_second * seconds), per_second)
    minutes, whole = divmod(whole, 60)
    return (*divmod(minutes, 60), whole, fractions)


def score_in_words(score: float) -> str:
    """ "0.79": rounded down, so that a score below a threshold is not shown as the threshold."""
    return f"{_hundredths(score) / 100:.2f}"


def percent_in_words(score: float) -> str:
    """ "79 %": a score, rounded down as score_in_words does."""
    return f"{_hundredths(score)} %"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 file", "1,204 files".

    Args:
        number: The number.
        noun: The counted noun in the singular.
        plural: Its plural; "": the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def fill(parts: list[str], width: int) -> list[str]:
    """Parts joined by commas in lines of at most `width`; no part is divided."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 3 <= width:
            lines[-1] += f", {part}"
        else:
            lines[-1:] = [*(f"{line}," for line in lines[-1:]), part]
    return lines


def wrap(text: str, width: int) -> str:
    """Lines of at most `width`; none ends between a number and its percent sign."""
    lines = textwrap.wrap(text.replace(" %", "\xa0%"), width)
    return "\n".join(lines).replace("\xa0", " ")


def _hundredths(score: float) -> int:
    return math.floor(round(100 * score, 4))  # 100 * 0.29 is a little less than 29


def _box(low: list[float], high: list[float]) -> str:
    span = max(b - a for a, b in zip(low, high, strict=True))
    # Three digits of the box's own size, however far from the origin it lies.
    digits = max(0, 2 - math.floor(math.log10(span))) if span > 0 else 2
    sides = zip("xyz", low, high, strict=True)
    return ", ".join(f"{axis} {_fixed(a, digits)}..{_fixed(b, digits)}" for axis, a, b in sides)


def _fixed(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 turns -0.0 into 0.0


def _is_unprintable(character: str) -> bool:
    code = ord(character)
    return code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000 or character in _MISLEADING


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
