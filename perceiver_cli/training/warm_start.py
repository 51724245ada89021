"""What a new model takes over from one that was trained before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.adapters.cosine_transform import spectrogram_transform
from perceiver_cli.checkpoints.format import Checkpoint
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe

# What a video's recipe shares with a picture's, so that its frames are read alike.
_SHARED = (
    "size",
    "mean",
    "std",
    "chroma",
    "patch",
    "values",
    "bands",
    "highest",
    "spacing",
    "resample",
)


def first_recipe(modality: str, start: Checkpoint | None) -> dict[str, Any]:
    """The recipe to train with unless settings change it.

    That of a start of the same modality; for video from pictures, frames are read as these.
    """
    recipe: dict[str, Any] = {"modality": modality, **find_modality(modality).fresh_recipe}
    if start is None:
        return recipe
    given = start.header.recipe
    if given["modality"] == modality:
        return dict(given)
    if (given["modality"], modality) == ("image", "av"):
        picture = build_adapter(given).recipe
        return recipe | {name: getattr(picture, name) for name in (*_SHARED, "crop")}
    return recipe


def take_over(model: Perceiver, adapter: Adapter, start: Checkpoint) -> None:
    """Takes over every tensor whose name and shape fit; the rest starts fresh.

    For other classes that is the head; for another modality what reads the byte array, too, but
    for video from pictures: it begins as what sees the picture in every frame. In the same way,
    what read a spectrum's levels begins as what finds them in their cosines.
    """
    tensors: dict[str, Tensor] = dict(start.tensors)
    if (start.header.recipe["modality"], adapter.modality) == ("image", "av"):
        picture = build_adapter(start.header.recipe).recipe
        reading = frame_channels(picture, adapter.recipe, model.config.channels)
        if reading is not None:
            tensors = tensors | read_anew(model, tensors, reading)
    elif start.header.recipe["modality"] == adapter.modality == "audio":
        sound = build_adapter(start.header.recipe).recipe
        reading = level_channels(sound, adapter.recipe)
        if reading is not None:
            tensors = tensors | read_anew(model, tensors, reading)
    own = model.state_dict()
    fitting = {n: t for n, t in tensors.items() if n in own and own[n].shape == t.shape}
    model.load_state_dict(fitting, strict=False)


def frame_channels(picture: ImageRecipe, video: VideoRecipe, channels: int) -> Tensor | None:
    """How a picture's element comes out of a video's: [C of the picture, `channels`].

    Values are the mean over an element's frames; of time's position nothing is read. None where
    the two recipes cut or place their patches in different ways.
    """
    alike = all(getattr(picture, name) == getattr(video, name) for name in _SHARED)
    if not (alike and picture.positions and picture.windows == "none"):
        return None
    pixels, bands, frames = 3 * video.patch**2, video.bands, video.patch_frames
    if video.values == "pixels":
        values = torch.eye(pixels).repeat(1, frames) / frames
    else:  # The first of the coefficients over frames are the mean's, of the magnitudes as well.
        one = torch.eye(pixels, pixels * frames)
        values = torch.block_diag(one, one)
    here, there = values.shape
    reading = torch.zeros(here + 2 + 4 * bands, channels)
    reading[:here, :there] = values
    # Behind the values: positions, sines and cosines, each of (y, x) here and (t, y, x) there.
    for width in (1, bands, bands):
        reading[here : here + 2 * width, there + width : there + 3 * width] = torch.eye(2 * width)
        here, there = here + 2 * width, there + 3 * width
    return reading


def level_channels(before: AudioRecipe, now: AudioRecipe) -> Tensor | None:
    """How an element of levels comes out of one of their cosines: [C before, C now].

    None where the two recipes differ in more than that.
    """
    if before.values != "levels" or replace(before, values="cosines") != now or now.patch_samples:
        return None
    cosines = spectrogram_transform(now.values, (now.patch_mels, now.patch_frames))
    assert cosines is not None
    levels, positions = len(cosines.matrix), 2 + 4 * now.bands
    reading = torch.zeros(levels + positions, 2 * levels + positions)
    reading[:levels, :levels] = torch.linalg.inv(cosines.matrix).T
    reading[levels:, 2 * levels :] = torch.eye(positions)
    return reading


def read_anew(model: Perceiver, tensors: dict[str, Tensor], reading: Tensor) -> dict[str, Tensor]:
    """The cross-attends of a model for wider elements, of which it reads what `reading` finds.

    The query-key channels from before come first in every head and do what they did, on what
    `reading` makes of an element; the others ask nothing and add nothing until they have learned
    to.
    """
    own, heads = model.state_dict(), model.config.cross_heads
    taken: dict[str, Tensor] = {}
    for name in {n.split(".norm_scale")[0] for n in tensors if n.endswith(".norm_scale")}:
        scale, shift = tensors[f"{name}.norm_scale"], tensors[f"{name}.norm_shift"]
        value = tensors[f"{name}.value.weight"]
        few, many = (of[f"{name}.query.bias"].shape[0] // heads for of in (tensors, own))
        wider = {
            "query.weight": tensors[f"{name}.query.weight"] * (many / few) ** 0.5,
            "query.bias": tensors[f"{name}.query.bias"] * (many / few) ** 0.5,
            "key.weight": tensors[f"{name}.key.weight"] * scale @ reading,
            "value.weight": value * scale @ reading,
            "value.bias": tensors[f"{name}.value.bias"] + value @ shift,
        }
        for part, tensor in wider.items():
            silent = part.startswith("query") or part.endswith("bias")
            blank = own[f"{name}.{part}"].clone()
            blank = blank.zero_() if silent else blank
            blank.unflatten(0, (heads, -1))[:, :few] = tensor.unflatten(0, (heads, -1))
            taken[f"{name}.{part}"] = blank
        out = torch.zeros_like(own[f"{name}.out.weight"])
        old = tensors[f"{name}.out.weight"].unflatten(1, (heads, -1))
        out.unflatten(1, (heads, -1))[:, :, :few] = old
        taken[f"{name}.out.weight"] = out
    return taken
