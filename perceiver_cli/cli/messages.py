"""Messages on stderr."""

from __future__ import annotations

import sys


def print_message(message: str) -> None:
    """One line on stderr, in one write: processes that share it do not write into each other's."""
    from perceiver_cli.inputs.names import without_credentials
    from perceiver_cli.report.words import printable

    sys.stderr.write(f"perceiver: {printable(without_credentials(message))}\n")
