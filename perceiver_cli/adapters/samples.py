"""Raw audio: patches of samples with 1D position features."""

from __future__ import annotations

from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.adapters.base import ChannelGroup
from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.adapters.patches import check_divides, patchify
from perceiver_cli.preparation.audio import AudioRecipe


def sound_adapter(recipe: AudioRecipe) -> AudioAdapter:
    """The adapter for a recipe: for raw samples if it has `patch_samples`, else for a spectrogram.

    Args:
        recipe: The recipe.

    Raises:
        ValueError: Patches do not fill a window.
    """
    return (SamplesAdapter if recipe.patch_samples else AudioAdapter)(recipe)


class SamplesAdapter(AudioAdapter):
    """One stream "audio": patches of patch_samples neighbouring samples.

    Explanations show the spectrogram of AudioAdapter beside it.
    """

    def __init__(self, recipe: AudioRecipe) -> None:
        super().__init__(recipe)
        check_divides("patch_samples", recipe.patch_samples, "samples", recipe.samples)
        steps = recipe.samples // recipe.patch_samples
        self.grid = (1, steps)
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)
        self.fixed_positions = GridFeatures(self.bands, steps)

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        values = self.recipe.patch_samples
        return [
            ChannelGroup("audio", f"{values} samples", values),
            ChannelGroup("audio", "position time", 1),
            ChannelGroup("audio", "sin, cos of position", 2 * self.bands.count),
        ]

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """float32 [B, samples] -> [B, 1, samples]."""
        return {"audio": arrays["audio"].float().unsqueeze(1)}

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 1, samples] -> "audio": [B, M, samples of a patch]."""
        patches = patchify(features["audio"], (self.recipe.patch_samples,))
        return {"audio": patches.flatten(1, -2)}
