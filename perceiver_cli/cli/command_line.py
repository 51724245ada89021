"""The command line of this process, for a checkpoint's card."""

from __future__ import annotations

import shlex
import sys


def own_command() -> str:
    """The command line of this process, quoted for a shell."""
    return shlex.join(["perceiver", *sys.argv[1:]])
