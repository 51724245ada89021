"""Settings that --set changes."""

from __future__ import annotations

from typing import Any

from perceiver_cli.errors import UsageError


def by_group(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divides settings into those of the input recipe and those of the model.

    Args:
        settings: "input.NAME" or "model.NAME" -> value.

    Returns:
        (NAME -> value of the input, NAME -> value of the model).

    Raises:
        UsageError: A name is of neither form.
    """
    groups: dict[str, dict[str, Any]] = {"input": {}, "model": {}}
    for name, value in settings.items():
        group, _, key = name.partition(".")
        if group not in groups or not key:
            raise UsageError(f"unknown setting {name}: use input.NAME or model.NAME")
        groups[group][key] = value
    return groups["input"], groups["model"]


def changed(recipe: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Changes values of a recipe.

    Args:
        recipe: Every setting of an input, by name; that of a video's sound is a recipe, too.
        changes: NAME -> value; "audio.NAME" for the sound of a video.

    Returns:
        The changed recipe, unchecked: `build_adapter` refuses unknown names.
    """
    result = dict(recipe)
    for name, value in changes.items():
        outer, dot, inner = name.partition(".")
        if dot and isinstance(result.get(outer), dict):
            result[outer] = result[outer] | {inner: value}
        else:
            result[name] = value
    return result
