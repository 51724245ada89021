"""Adapters between natural arrays and byte arrays with position features."""

from __future__ import annotations

from typing import Any

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.modalities import part
from perceiver_cli.preparation.recipes import read_recipe


def build_adapter(values: dict[str, Any]) -> Adapter:
    """Builds the adapter for the recipe of a checkpoint.

    Args:
        values: {"modality": name, ...settings of that modality's recipe}.

    Raises:
        ValueError: one line; the modality is unknown, or a setting is unknown or wrong.
    """
    recipe = read_recipe(values)
    adapter: Adapter = part(recipe.modality, "adapter")(recipe)
    return adapter
