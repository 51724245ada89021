import numpy as np
import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.samples import SamplesAdapter, sound_adapter
from perceiver_cli.media.types import Sound, SoundWindow
from perceiver_cli.preparation.audio import AudioRecipe
from tests.windows import windows_of

RECIPE = AudioRecipe(
    rate=8000, window_s=0.64, mels=16, patch_frames=4, bands=3, highest=2560.0, patch_samples=16
)


def window(seconds: float = 1.0):
    samples = np.random.default_rng(0).uniform(-1, 1, int(8000 * seconds)).astype(np.float32)
    sound = Sound((SoundWindow(samples, 0.5),), 8000, seconds, 8000, 1)
    return samples, windows_of(SamplesAdapter(RECIPE), sound)[0]


def test_a_recipe_with_patches_of_samples_reads_them():
    assert isinstance(sound_adapter(RECIPE), SamplesAdapter)
    assert isinstance(build_adapter({"modality": "audio", "patch_samples": 16}), SamplesAdapter)
    assert not isinstance(build_adapter({"modality": "audio"}), SamplesAdapter)
    with pytest.raises(ValueError, match="patch_samples"):
        build_adapter({"modality": "audio", "patch_samples": 17})


def test_elements_are_neighbouring_samples_with_their_time():
    samples, read = window()
    adapter = SamplesAdapter(RECIPE)
    arrays = {"audio": torch.from_numpy(read.arrays["audio"])[None]}
    x = adapter.byte_array(arrays)["audio"][0]
    assert x.shape == (320, 16 + 1 + 6)
    assert adapter.streams == {"audio": 23}
    assert np.array_equal(x[:, :16].numpy(), samples[:5120].reshape(320, 16))
    assert x[0, 16] == -1
    assert x[-1, 16] == 1


def test_the_way_back_is_in_seconds():
    adapter = SamplesAdapter(RECIPE)
    _, read = window()
    mass = np.zeros(320)
    mass[160:192] = 1 / 32
    heaviest = adapter.focus("audio", mass[None], read)[0][0]
    assert heaviest.where == {"start_s": pytest.approx(0.82), "end_s": pytest.approx(0.884)}
    layout = adapter.attribution_map("audio", np.ones((2, 320)), read)
    assert layout.values.shape == (2, 1, 320)
    assert layout.spectrum.shape == (16, 64)
