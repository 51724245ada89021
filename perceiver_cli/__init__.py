"""perceiver: classifies media files of any kind with one architecture, and shows its attention.

    from perceiver_cli import Classifier
    Classifier().classify("photo.jpg")

Importing this package imports no torch; the Classifier does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.results import Classification, Failure, Result

    __version__: str

__all__ = ["Classification", "Classifier", "Failure", "Result", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Classifier":
        from perceiver_cli.inference.classifier import Classifier

        return Classifier
    if name in ("Classification", "Failure", "Result"):
        from perceiver_cli import results

        return getattr(results, name)
    if name == "__version__":
        from perceiver_cli.version import package_version

        return package_version()
    raise AttributeError(f"module 'perceiver_cli' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
