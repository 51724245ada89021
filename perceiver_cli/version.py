"""The version of this package."""

from __future__ import annotations


def package_version() -> str:
    """The installed version; "0+unknown" in a checkout that was never installed."""
    # importlib.metadata takes longer to import than the whole command line.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("perceiver-cli")
    except PackageNotFoundError:
        return "0+unknown"
