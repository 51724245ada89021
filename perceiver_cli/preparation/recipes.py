"""Reads recipes of checkpoints, and builds their preparations. Imports no torch."""

from __future__ import annotations

from typing import Any

from perceiver_cli.modalities import MODALITIES, part
from perceiver_cli.preparation.base import Preparation
from perceiver_cli.settings import read_settings


def read_recipe(values: dict[str, Any]) -> Any:
    """Reads a recipe, a frozen dataclass, from its JSON form.

    Args:
        values: {"modality": name, ...settings of that modality's recipe}.

    Raises:
        ValueError: one line; the modality is unknown, or a setting is unknown or wrong.
    """
    if not isinstance(values, dict):
        raise ValueError(f"the input recipe must be an object, not {values!r}")
    row = MODALITIES.get(str(values.get("modality")))
    if row is None or row.served_by:
        raise ValueError(f"unknown modality in the input recipe: {values.get('modality')!r}")
    return read_settings(part(row.name, "recipe"), values, "input setting")


def preparation_for(values: dict[str, Any]) -> Preparation:
    """Builds the preparation of inputs for a checkpoint.

    Args:
        values: The checkpoint's recipe, see read_recipe.

    Raises:
        ValueError: As read_recipe.
    """
    recipe = read_recipe(values)
    preparation: Preparation = part(recipe.modality, "preparation")(recipe)
    return preparation
