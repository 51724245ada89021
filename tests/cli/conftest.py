"""Fixtures for several tests of the command line."""

from pathlib import Path

import pytest


@pytest.fixture
def model(weights) -> Path:
    """The tiny checkpoint for pictures, for --model."""
    return weights["image"]
