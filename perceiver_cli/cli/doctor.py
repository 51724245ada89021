"""perceiver doctor: checks of the installation and the machine."""

from __future__ import annotations

import sys

import typer


def doctor() -> None:
    """Check the installation: versions, device, weights, codecs.

    Exit code 3 if weights are missing or corrupt.
    """
    import warnings

    # A machine without a GPU needs no warning.
    warnings.simplefilter("ignore")

    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    from perceiver_cli.checkpoints.registry import bundled_folder
    from perceiver_cli.cli import environment
    from perceiver_cli.cli.exit_codes import BAD_WEIGHTS
    from perceiver_cli.inference.verification import check_all
    from perceiver_cli.report.terminal import console_for, room_for, show

    checks = list(check_all())
    problems = [check.problem for check in checks if check.problem]
    whole = [check.name for check in checks if not check.problem]
    if not checks:
        problems.append(f"{bundled_folder()}: no weights found")

    sections = {
        "Versions": environment.versions(),
        "Machine": environment.computing(),
        "Codecs": environment.codecs(),
        "Weights": [("folder", str(bundled_folder()))] + [("ok", name) for name in whole],
    }
    console = console_for(sys.stdout)
    for heading, rows in sections.items():
        console.print(Text(heading, style="bold"))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="dim", min_width=12, no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows:
            table.add_row(f"  {name}", Text(value))
        names = max(12, *(cell_len(f"  {name}") for name, _ in rows))
        with room_for(console, names + 2 + max(cell_len(value) for _, value in rows)):
            show(console, table)
    for problem in problems:
        console.print(Text(f"  FAILED  {problem}", style="red"), soft_wrap=True)
    if problems:
        raise typer.Exit(BAD_WEIGHTS)
    console.print(Text("All checks passed.", style="green"))
