"""The cause of an exception in a loader: the file, the machine, or perceiver."""

import errno
import sys

import numpy as np
import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.media import library_errors
from perceiver_cli.media.library_errors import wrap_errors


def failure(act) -> InputError:
    with pytest.raises(InputError) as caught, wrap_errors("corrupt", "cut off or damaged"):
        act()
    return caught.value


def in_our_code(source: str):
    """A function that runs as if its source stood in the package."""
    return lambda: exec(compile(source, library_errors.__file__, "exec"), {"np": np})


def test_a_library_that_fails_means_damage():
    error = failure(lambda: np.frombuffer(b"abc", np.int16))
    assert (error.kind, error.message) == ("corrupt", "cut off or damaged")
    assert error.detail == "ValueError: buffer size must be a multiple of element size"


@pytest.mark.parametrize(
    "source", ["None.pixels", "len(3)", "unknown_name", "assert False", "import perceiver_cli.no"]
)
def test_a_mistake_of_ours_is_internal_and_says_where(source):
    error = failure(in_our_code(source))
    assert error.kind == "internal"
    assert "perceiver_cli/media/library_errors.py, line 1" in error.message.replace("\\", "/")


@pytest.mark.parametrize("source", ["{}['x']", "[][3]", "int('x')", "b'\\xff'.decode()", "1 / 0"])
def test_what_damaged_data_raises_in_our_parsers_is_damage(source):
    assert failure(in_our_code(source)).kind == "corrupt"


def test_the_same_exception_inside_a_library_is_damage():
    # An object array's product is computed by numpy's own Python code on what a file holds.
    assert failure(lambda: np.linalg.norm([object()])).kind == "corrupt"


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    error = failure(in_our_code("import PIL.Image"))
    assert error.kind == "missing_library"
    assert "pip install pillow" in error.message


def test_a_library_without_its_shared_library(tmp_path, monkeypatch):
    (tmp_path / "broken_codec.py").write_text("raise OSError('libcodec not found')")
    monkeypatch.syspath_prepend(tmp_path)
    error = failure(in_our_code("import broken_codec"))
    assert error.kind == "missing_library"
    assert "libcodec not found" in error.message


def test_a_disk_that_fails_is_no_damage():
    def read() -> None:
        raise OSError(errno.EIO, "Input/output error")

    assert failure(read).kind == "unreadable"

    def seek() -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    assert failure(seek).kind == "corrupt"


def test_too_little_memory():
    def allocate() -> None:
        raise MemoryError

    assert failure(allocate).kind == "too_large"


def test_what_is_told_already_passes_unchanged():
    def refuse() -> None:
        raise InputError("unsupported", "a drawing")

    error = failure(refuse)
    assert (error.kind, error.message, error.detail) == ("unsupported", "a drawing", None)
