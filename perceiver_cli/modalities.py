"""The table of modalities: one row each, with names and implementations.

A row names its parts by dotted path ("package.module:object"). A part is imported when it is first
used, so this table imports nothing, and every package may import it. A new modality is one more row
and the files that the row names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

STILL_PICTURES = (".png", ".webp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Modality:
    """One kind of input.

    name: in records and on the command line; noun: the word for one input in messages;
    plural: the word for several, of all kinds that its weights read, if it is not the noun with
    an s; aliases: other names that the command line accepts.
    described_as: the name of the whole input in a sentence about attention.
    stream_nouns: the names of the byte array's streams, if there are several.
    default_weights: name of the bundled checkpoint.
    served_by: the modality whose parts and checkpoints are used for it; its own if empty.
    read_as: other modalities that such an input is read as if they are asked for, each with one of
        its streams alone.
    text_detector: (source, text) -> Detection or None, for files of text; empty if none.
    recipe: dataclass of settings that a checkpoint keeps.
    preparation: Preparation of one input under a recipe.
    adapter: (recipe) -> Adapter.
    augmentation: Augmentation of training batches.
    fresh_recipe: settings that differ from the recipe's defaults in a training from random weights.
    familiar_by_class: whether an input is familiar if it is near any class; otherwise if it is near
        the mean of all. See checkpoints/familiar.py.
    corruptions: {name: corruption}, under which `evaluate --robustness` measures accuracy.
    input_words: (the record's `input`) -> one phrase for people.
    drawing: (explanation, ending) -> bytes, a file that shows attention; drawing_endings: the
        endings it knows, the usual one first.
    thumbnail: (explanation, window, scale, side) -> Thumbnail.
    player: the HTML element that plays such a file on the report page, "audio" or "video"; empty if
        there is none.
    supports_teacher: whether training can use a teacher's logits.
    """

    name: str
    noun: str
    recipe: str
    preparation: str
    adapter: str
    augmentation: str
    corruptions: str
    input_words: str
    drawing: str
    thumbnail: str
    plural: str = ""
    drawing_endings: tuple[str, ...] = STILL_PICTURES
    aliases: tuple[str, ...] = ()
    described_as: str = ""
    stream_nouns: dict[str, str] = field(default_factory=dict)
    default_weights: str | None = None
    served_by: str = ""
    read_as: tuple[str, ...] = ()
    text_detector: str = ""
    fresh_recipe: dict[str, Any] = field(default_factory=dict)
    familiar_by_class: bool = False
    player: str = ""
    supports_teacher: bool = True

    @property
    def one(self) -> str:
        """ "a picture"."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    @property
    def several(self) -> str:
        """ "pictures"."""
        return self.plural or f"{self.noun}s"


_IMAGE = Modality(
    name="image",
    noun="picture",
    aliases=("picture",),
    default_weights="pictures-200",
    recipe="perceiver_cli.preparation.image:ImageRecipe",
    preparation="perceiver_cli.preparation.image:ImagePreparation",
    adapter="perceiver_cli.adapters.image:ImageAdapter",
    fresh_recipe={"values": "cosines"},
    augmentation="perceiver_cli.training.augment.image:ImageAugmentation",
    corruptions="perceiver_cli.training.robustness.pictures:CORRUPTIONS",
    input_words="perceiver_cli.report.input_words:picture_in_words",
    drawing="perceiver_cli.report.drawings.picture:draw_picture",
    thumbnail="perceiver_cli.report.drawings.thumbnail:picture_thumbnail",
)
_AUDIO = Modality(
    name="audio",
    noun="sound",
    aliases=("sound",),
    default_weights="sounds-47",
    recipe="perceiver_cli.preparation.audio:AudioRecipe",
    preparation="perceiver_cli.preparation.audio:AudioPreparation",
    adapter="perceiver_cli.adapters.samples:sound_adapter",
    augmentation="perceiver_cli.training.augment.audio:AudioAugmentation",
    corruptions="perceiver_cli.training.robustness.sounds:CORRUPTIONS",
    input_words="perceiver_cli.report.input_words:sound_in_words",
    drawing="perceiver_cli.report.drawings.sound:draw_sound",
    thumbnail="perceiver_cli.report.drawings.thumbnail:sound_thumbnail",
    player="audio",
)
_POINTCLOUD = Modality(
    name="pointcloud",
    noun="shape",
    aliases=("shape",),
    default_weights="shapes-40",
    text_detector="perceiver_cli.detect.text:detect_shape_text",
    recipe="perceiver_cli.preparation.pointcloud:PointCloudRecipe",
    preparation="perceiver_cli.preparation.pointcloud:PointCloudPreparation",
    adapter="perceiver_cli.adapters.pointcloud:PointCloudAdapter",
    familiar_by_class=True,
    augmentation="perceiver_cli.training.augment.pointcloud:PointCloudAugmentation",
    corruptions="perceiver_cli.training.robustness.shapes:CORRUPTIONS",
    input_words="perceiver_cli.report.input_words:shape_in_words",
    drawing="perceiver_cli.report.drawings.shape:draw_shape",
    drawing_endings=(".ply", ".glb", *STILL_PICTURES),
    thumbnail="perceiver_cli.report.drawings.thumbnail:shape_thumbnail",
    supports_teacher=False,
)
_AV = Modality(
    name="av",
    noun="video with sound",
    plural="videos",
    described_as="video and its sound",
    stream_nouns={"video": "pictures", "audio": "sound"},
    read_as=("video", "audio"),
    default_weights="everyday-av",
    recipe="perceiver_cli.preparation.video:VideoRecipe",
    preparation="perceiver_cli.preparation.video:VideoPreparation",
    adapter="perceiver_cli.adapters.video:VideoAdapter",
    fresh_recipe={"values": "cosines"},
    augmentation="perceiver_cli.training.augment.video:VideoAugmentation",
    corruptions="perceiver_cli.training.robustness.videos:CORRUPTIONS",
    input_words="perceiver_cli.report.input_words:video_in_words",
    drawing="perceiver_cli.report.drawings.film:draw_video",
    drawing_endings=(".mp4", ".webp", ".gif", ".png", ".jpg", ".jpeg"),
    thumbnail="perceiver_cli.report.drawings.thumbnail:video_thumbnail",
    player="video",
)
_VIDEO = Modality(
    name="video",
    noun="video",
    stream_nouns=_AV.stream_nouns,
    served_by="av",
    recipe=_AV.recipe,
    preparation=_AV.preparation,
    adapter=_AV.adapter,
    augmentation=_AV.augmentation,
    corruptions=_AV.corruptions,
    input_words=_AV.input_words,
    drawing=_AV.drawing,
    drawing_endings=_AV.drawing_endings,
    thumbnail=_AV.thumbnail,
    player=_AV.player,
)

MODALITIES: dict[str, Modality] = {
    row.name: row for row in (_IMAGE, _AUDIO, _POINTCLOUD, _VIDEO, _AV)
}


def find_modality(name: str) -> Modality:
    """The row of a modality by its name or an alias. Raises ValueError for anything else."""
    for row in MODALITIES.values():
        if name == row.name or name in row.aliases:
            return row
    raise ValueError(f"no such modality: {name}; use {all_names()}")


def all_names() -> str:
    """The names and aliases of all modalities, as a list for people."""
    return ", ".join(" or ".join((row.name, *row.aliases)) for row in MODALITIES.values())


def serving(modality: str) -> str:
    """The modality whose checkpoints are used for inputs of `modality`. Raises ValueError."""
    row = find_modality(modality)
    return row.served_by or row.name


def part(modality: str, role: str) -> Any:
    """Imports a part of a modality, such as its "adapter".

    Raises ValueError for an unknown modality.
    """
    return _imported(getattr(find_modality(modality), role))


@cache
def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
