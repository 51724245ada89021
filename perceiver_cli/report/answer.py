"""The answer in words and in colour, followed by the best guess."""

from __future__ import annotations

from perceiver_cli.report.articles import with_article
from perceiver_cli.report.input_words import signal_in_words
from perceiver_cli.report.words import escape_controls, percent_in_words
from perceiver_cli.results import Classification, Prediction

# A guess with this score is more likely than not.
_LIKELY = 0.5


def answer_in_words(result: Classification) -> str:
    """Such as "a golden retriever (91 %)" or "a dog (83 %), perhaps a golden retriever (24 %)".

    Without an answer "not sure, perhaps a golden retriever (24 %)"; without a signal the reason. An
    input unlike the training data is marked.
    """
    if not result.has_signal:
        return signal_in_words(result.signal)
    if result.lacks_classes:
        return f"{escape_controls(result.model)} knows none of the requested classes"
    guess = guessed(result)
    perhaps = f", perhaps {_scored(guess.label, guess.score)}" if guess else ""
    unlike = "; unlike anything it was trained on" if result.familiar is False else ""
    answer = result.answer
    return (_scored(answer.label, answer.score) if answer else "not sure") + perhaps + unlike


def guessed(result: Classification) -> Prediction | None:
    """The likeliest class, among those of the answer if it is a group; None if it is a class."""
    answer = result.answer
    if answer and answer.level == "class":
        return None
    for prediction in result.predictions:
        if answer is None or answer.label in (prediction.group, prediction.kind):
            return prediction
    return None


def shown_label(result: Classification) -> tuple[str, float]:
    """(label, score) of the answer, or of the best guess."""
    if result.answer:
        return result.answer.label, result.answer.score
    best = result.predictions[0]
    return best.label, best.score


def answer_style(result: Classification) -> str:
    """The colour of the answer: green if it is sure and the input is familiar."""
    return "green" if result.answer and result.familiar is not False else "yellow"


def answer_mark(result: Classification) -> str:
    """The mark in a row without an answer, or with one that is not reliable."""
    if result.answer is None:
        return "unsure"
    return "unlike" if result.familiar is False else ""


def guess_style(score: float, is_answer: bool) -> str:
    """The colour of a class's bar, by its score."""
    if is_answer:
        return "green"
    return "yellow" if score >= _LIKELY else "dim"


def _scored(label: str, score: float) -> str:
    return f"{escape_controls(with_article(label))} ({percent_in_words(score)})"
