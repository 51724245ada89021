"""perceiver explain: a drawing of the attribution of a prediction."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perceiver_cli.choices import Device, Method
from perceiver_cli.cli.options import (
    AUTO,
    OUTPUT,
    DeviceOption,
    MethodOption,
    ModalityOption,
    ModelOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation


def explain(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT",
            help="The drawing to write: .png, .webp or .jpg; for videos also .mp4 or .gif; for "
            "shapes also .ply or .glb.",
            rich_help_panel=OUTPUT,
        ),
    ],
    method: MethodOption = None,
    modality: ModalityOption = AUTO,
    model: ModelOption = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
) -> None:
    """Draw where the model looked, or what its answer depends on.

    Heat is in multiples of an even share, the share of each element if all had the same.
    Drawing requires matplotlib: pip install 'perceiver-cli[plots]'.

    \b
    Examples:
      perceiver explain photo.jpg -o photo-seen.png
      perceiver explain clip.wav -o clip-seen.png --method rollout
      perceiver explain chair.ply -o chair-seen.glb --method gradient
    """
    from perceiver_cli.errors import UsageError
    from perceiver_cli.report import drawings

    ending = output.suffix.lower()
    if ending not in drawings.ENDINGS:
        endings = ", ".join(drawings.ENDINGS)
        raise UsageError(f"{output}: unknown file extension; use one of {endings}")
    drawings.check_drawing()

    from perceiver_cli.cli.one_input import naming, one_source
    from perceiver_cli.cli.output import (
        check_replaces_no_input,
        check_writable,
        is_file,
        open_output,
    )
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.explain.explanation import explain as explain_source
    from perceiver_cli.inference.classifier import Classifier

    check_replaces_no_input(output, [path])
    if is_file(output):
        check_writable(output)
    source = one_source(path)
    set_up(threads)
    classifier = Classifier(model, modality, device=device.value, threads=threads)
    with naming(path):
        explanation = explain_source(source, classifier, method)
    content = drawings.draw(explanation, ending)
    with open_output(output, binary=True) as stream:
        stream.write(content)
    _print_answer(explanation, output)


def _print_answer(explanation: Explanation, output: Path) -> None:
    """Prints the answer, what was drawn and, on stderr, notes on the file."""
    from perceiver_cli.cli.messages import print_message
    from perceiver_cli.report.answer import answer_in_words
    from perceiver_cli.report.sentence import attention_in_words
    from perceiver_cli.report.terminal import console_for, show_sentence
    from perceiver_cli.report.words import display_path

    for note in explanation.result.notes:
        print_message(f"{display_path(explanation.result.path)}: {note}")
    console = console_for(sys.stdout)
    show_sentence(console, answer_in_words(explanation.result))
    show_sentence(console, explanation.about)
    if explanation.method is Method.attention:
        show_sentence(console, attention_in_words(explanation.result))
    print(f"Wrote {display_path(str(output))}")
