"""EfficientAT's mn04_as (Schmid et al. 2023): a MobileNetV3 of width 0.4 over log-mel spectrograms.

Trained on AudioSet; the published file is mn04_as_mAP_432.pt (MIT), a dictionary of tensors.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

RATE = 32000
FEATURES = 512
WIDTH = 0.4
# Kernel, expanded channels, channels, squeeze-excite, hard swish, stride: of width 1.
BLOCKS = (
    (3, 16, 16, False, False, 1),
    (3, 64, 24, False, False, 2),
    (3, 72, 24, False, False, 1),
    (5, 72, 40, True, False, 2),
    (5, 120, 40, True, False, 1),
    (5, 120, 40, True, False, 1),
    (3, 240, 80, False, True, 2),
    (3, 200, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 184, 80, False, True, 1),
    (3, 480, 112, True, True, 1),
    (3, 672, 112, True, True, 1),
    (5, 672, 160, True, True, 2),
    (5, 960, 160, True, True, 1),
    (5, 960, 160, True, True, 1),
)


class EfficientAT:
    """Waveforms to features and AudioSet logits. Batch norms are folded into the convolutions."""

    def __init__(self, path: Path) -> None:
        self.tensors = torch.load(path, weights_only=True, map_location="cpu")
        self.taper = torch.hann_window(800, periodic=False)
        self.filters = kaldi_filters(128, 1024, 0.0, 15000.0)

    @torch.inference_mode()
    def __call__(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, S] at RATE -> features [B, 512] before the last layer, logits [B, 527]."""
        x = functional.hardswish(self._convolve(self.spectrum(wave), "features.0", 2))
        for number, block in enumerate(BLOCKS, 1):
            x = self._block(x, f"features.{number}.block", *block)
        x = functional.hardswish(self._convolve(x, "features.16")).mean((2, 3))
        x = functional.hardswish(self._linear(x, "classifier.2"))
        return x, self._linear(x, "classifier.5")

    def spectrum(self, wave: Tensor) -> Tensor:
        """float32 [B, S] -> [B, 1, 128 mels, frames of 10 ms], mostly within -1..2."""
        sharp = wave[:, 1:] - 0.97 * wave[:, :-1]
        power = torch.stft(sharp, 1024, 320, 800, self.taper, return_complex=True).abs().square()
        return (((self.filters @ power + 1e-5).log() + 4.5) / 5).unsqueeze(1)

    def _block(
        self,
        x: Tensor,
        name: str,
        kernel: int,
        wide: int,
        out: int,
        se: bool,
        hs: bool,
        stride: int,
    ) -> Tensor:
        """Expand, depthwise convolution, squeeze-excite, project; a residual where shapes allow."""
        act = functional.hardswish if hs else functional.relu
        channels, parts = eights(wide * WIDTH), iter(range(4))
        y = x
        if channels != x.shape[1]:
            y = act(self._convolve(y, f"{name}.{next(parts)}"))
        y = act(self._convolve(y, f"{name}.{next(parts)}", stride, channels))
        if se:
            gate = f"{name}.{next(parts)}.conc_se_layers.0"
            squeezed = functional.relu(self._linear(y.mean((2, 3)), f"{gate}.fc1"))
            y = y * self._linear(squeezed, f"{gate}.fc2").sigmoid()[..., None, None]
        y = self._convolve(y, f"{name}.{next(parts)}")
        return x + y if x.shape == y.shape and stride == 1 else y

    def _convolve(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        """A convolution and its batch norm."""
        get = self.tensors.__getitem__
        gain = get(f"{name}.1.weight") / (get(f"{name}.1.running_var") + 1e-3).sqrt()
        weight = get(f"{name}.0.weight") * gain.view(-1, 1, 1, 1)
        bias = get(f"{name}.1.bias") - get(f"{name}.1.running_mean") * gain
        return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=groups)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])


def eights(channels: float) -> int:
    """The nearest multiple of 8 that is not less than nine tenths of it (MobileNet's rule)."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def kaldi_filters(mels: int, n_fft: int, low_hz: float, high_hz: float) -> Tensor:
    """Filters that are triangles on the mel scale, as Kaldi's: float32 [mels, n_fft // 2 + 1]."""

    def to_mel(hz: Tensor) -> Tensor:
        return 1127 * torch.log1p(hz.double() / 700)

    low, high = to_mel(torch.tensor([low_hz, high_hz]))
    edges = low + (high - low) * torch.linspace(0, 1, mels + 2, dtype=torch.float64)
    bins = to_mel(torch.arange(n_fft // 2 + 1) * RATE / n_fft)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rising, falling).clamp_min(0).float()
    filters[:, -1] = 0
    return filters


def at_twice_the_rate(wave: np.ndarray) -> Tensor:
    """float32 [B, S] at 16 kHz -> [B, 2 S] at 32 kHz, with nothing above 8 kHz."""
    spectrum = np.fft.rfft(wave, axis=1)
    doubled = np.fft.irfft(2 * spectrum, 2 * wave.shape[1], axis=1)
    return torch.from_numpy(doubled.astype(np.float32))
