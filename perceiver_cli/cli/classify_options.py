"""Options of only perceiver classify; options.py has the shared ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perceiver_cli.cli.formats import format_names
from perceiver_cli.cli.options import MACHINE, OUTPUT, READING
from perceiver_cli.inputs.names import is_url


def _local_path(name: str) -> Path:
    """A path on disk; a URL is refused."""
    if is_url(name):
        raise typer.BadParameter(f"{name} is a URL; a folder on disk is required.")
    return Path(name)


PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Files, folders, .tar and .zip archives, patterns such as '*.wav', URLs "
        "(s3://, gs://, https://), or - for one file on standard input.",
        show_default=False,
    ),
]
RecursiveOption = Annotated[
    bool,
    typer.Option("--recursive", "-r", help="Include subfolders.", rich_help_panel=READING),
]
FilesFromOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|-",
        help="Read the names of files from a list, one per line.",
        rich_help_panel=READING,
    ),
]
NullOption = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        help="Names in that list are separated by NUL (find -print0).",
        rich_help_panel=READING,
    ),
]
ArchivesOption = Annotated[
    bool,
    typer.Option(
        "--archives",
        help="Also read the members of .tar and .zip files found in folders.",
        rich_help_panel=READING,
    ),
]
TopOption = Annotated[
    int,
    typer.Option(
        "--top",
        "-k",
        min=1,
        metavar="K",
        help="Number of predictions for each input.",
        rich_help_panel=OUTPUT,
    ),
]
MinScoreOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="X",
        show_default=False,
        help="Leave out predictions with a lower score.",
        rich_help_panel=OUTPUT,
    ),
]
ClassesOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B,...",
        help="Choose only among these classes, groups or kinds, which then share all of the "
        "score; repeatable. Class names containing commas are recognised.",
        rich_help_panel=OUTPUT,
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        autocompletion=format_names,
        help="table, json, jsonl, csv, labels, parquet, audacity, vtt, srt, or a template such "
        "as '%p: %l %s'.  "
        "[default: by the ending of -o, else table]",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The same as --format json.", rich_help_panel=OUTPUT)
]
JsonlOption = Annotated[
    bool, typer.Option("--jsonl", help="The same as --format jsonl.", rich_help_panel=OUTPUT)
]
# Not a Path, which would shorten the two slashes of a URL.
OutputOption = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write results to a file, which is created at the end; parquet: to a folder.",
        rich_help_panel=OUTPUT,
    ),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="JOURNAL.jsonl",
        help="Append results to a file of JSON lines. Running the command again classifies only "
        "files that are new or have changed.",
        rich_help_panel=OUTPUT,
    ),
]
AttentionOption = Annotated[
    bool | None,
    typer.Option(
        "--attention/--no-attention",
        help="Measure where the model looks.  [default: if the format shows it]",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
ExplainOption = Annotated[
    Path | None,
    typer.Option(
        "--explain",
        parser=_local_path,
        metavar="DIR",
        help="Draw where the model looked, one picture per input.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
ShowOption = Annotated[
    bool,
    typer.Option("--show", help="Print a small heat map below each table.", rich_help_panel=OUTPUT),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Also write an HTML page with all results.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print only errors on stderr.", rich_help_panel=OUTPUT),
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Also print full tables for several inputs, files passed over, error messages of "
        "libraries, and times.",
        rich_help_panel=OUTPUT,
    ),
]
ClassifyFailFastOption = Annotated[
    bool,
    typer.Option("--fail-fast", help="Stop at the first input that fails.", rich_help_panel=OUTPUT),
]
TimelineOption = Annotated[
    bool,
    typer.Option(
        "--timeline",
        help="Read sounds and videos whole, and list what occurs from when to when.  "
        "[default: sounds of up to 10 minutes]",
        show_default=False,
        rich_help_panel=READING,
    ),
]
WindowsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Read N evenly spaced windows of each sound and video instead.",
        rich_help_panel=READING,
    ),
]
StrictOption = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Treat files as failed if a part had to be left out or repaired.",
        rich_help_panel=READING,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        metavar="SECONDS",
        help="Time limit for decoding one file; 0: no limit.  "
        "[default: 300 for 5 or more files, otherwise none]",
        show_default=False,
        rich_help_panel=READING,
    ),
]
BatchSizeOption = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Inputs per batch.", rich_help_panel=MACHINE),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Classify on a Ray cluster: auto, local or HOST:PORT. Needs -o DIR.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
