"""Windows of media made by tests, from the preparation of a checkpoint."""

from dataclasses import asdict

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.media.types import Media
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.recipes import preparation_for


def windows_of(adapter: Adapter, media: Media) -> list[Window]:
    """What the adapter reads of the media."""
    return preparation_for(asdict(adapter.recipe)).windows(media)
