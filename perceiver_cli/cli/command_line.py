"""The call itself, as a checkpoint's card keeps it."""

from __future__ import annotations

import shlex
import sys


def own_command() -> str:
    """This call as a shell would read it."""
    return shlex.join(["perceiver", *sys.argv[1:]])
