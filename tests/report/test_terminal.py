"""The console for tables."""

import os

import pytest

from perceiver_cli.report.terminal import console_for


def test_a_closed_pipe_is_an_error_that_the_command_line_handles():
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", closefd=False)  # noqa: SIM115
    try:
        with pytest.raises(BrokenPipeError):
            console_for(stream).print("a table")
    finally:
        os.close(writing)
        with pytest.raises(OSError, match="Bad file"):
            stream.close()
