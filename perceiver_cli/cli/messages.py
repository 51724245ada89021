"""Messages on stderr."""

from __future__ import annotations

import sys


def print_message(message: str) -> None:
    """Prints one line on stderr in one write, so that lines of several processes do not mix."""
    from perceiver_cli.inputs.names import without_credentials
    from perceiver_cli.report.words import escape_controls

    sys.stderr.write(f"perceiver: {escape_controls(without_credentials(message))}\n")
