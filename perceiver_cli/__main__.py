"""The perceiver command, also as python -m perceiver_cli."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line. Ctrl-C during its imports ends it like any later one."""
    try:
        from perceiver_cli.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("perceiver: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
