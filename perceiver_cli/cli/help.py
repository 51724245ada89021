"""Help pages in plain text, options grouped under headings.

Typer's own Rich help would double the time that `--help` takes.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command that lists its options under their `rich_help_panel`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words after the command; a usage error knows its command."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            # Click's parser raises some without their context.
            if getattr(error, "ctx", ctx) is None:
                error.ctx = ctx  # type: ignore[attr-defined]
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments, then each group of options."""
        _write_parameters(self, ctx, formatter)


class Group(TyperGroup):
    """A group that lists its commands under their `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the commands first, because readers of the page look for them."""
        self.format_commands(ctx, formatter)
        _write_parameters(self, ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes each group of commands with the first sentence of their help."""
        widest = max(len(name) for name in self.commands)
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            about = command.get_short_help_str(formatter.width - widest - 6)
            panel = _panel(command) or "Commands"
            sections.setdefault(panel, []).append((name.ljust(widest), about))
        _write(formatter, sections)

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which they were added."""
        return list(self.commands)


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        is_argument = parameter.param_type_name == "argument"
        if is_argument:  # without the type in Python that Typer adds
            record = (parameter.metavar or parameter.name.upper(), record[1])
        usual = "Arguments" if is_argument else "Options"
        sections.setdefault(_panel(parameter) or usual, []).append(record)
    # Options without a group, such as --help, are last.
    if "Options" in sections:
        sections["Other" if len(sections) > 2 else "Options"] = sections.pop("Options")
    _write(formatter, sections)


def _write(formatter: Any, sections: dict[str, list[tuple[str, str]]]) -> None:
    for heading, rows in sections.items():
        with formatter.section(heading):
            formatter.write_dl(rows)


def _panel(item: Any) -> str | None:
    # Without a panel, Typer stores None or a placeholder object.
    panel = getattr(item, "rich_help_panel", None)
    return panel if isinstance(panel, str) else None
