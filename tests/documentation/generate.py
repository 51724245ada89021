"""Regenerates docs/commands.md and the outputs in console blocks of the pages.

python -m tests.documentation.generate
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.documentation.pages import HELP, PAGES, help_pages, make_place, with_outputs


def main() -> None:
    """Regenerates the pages, and prints the names of those that changed."""
    HELP.touch()
    with tempfile.TemporaryDirectory() as folder:
        place = make_place(Path(folder))
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            made = help_pages() if page == HELP else with_outputs(text, place)
            if made != text:
                page.write_text(made, encoding="utf-8")
                print(page.name)


if __name__ == "__main__":
    main()
