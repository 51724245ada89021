"""Random changes on log-mel spectrograms: as rooms, microphones and telephones change sounds.

All take [B, mels, frames] in nats below the loudest cell, as AudioAdapter.log_mel gives them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters.audio import AudioAdapter, mel_row_edges
from perceiver_cli.training.augment.affine import look

_NATS_PER_DB = math.log(10) / 10


def changed_features(adapter: AudioAdapter, wave: Tensor) -> Tensor:
    """Sounds [B, samples] as the adapter's features, changed; raw samples stay as they are."""
    if adapter.recipe.patch_samples:
        return adapter.features({"audio": wave})["audio"]
    log = equalise(stretch(adapter.log_mel(wave)))
    log = cut_bands(over_telephones(log, adapter.recipe.low_hz, adapter.recipe.rate))
    log = add_noise(log, adapter.filters.sum(1))
    return mask(adapter.normalise(log)).unsqueeze(1)


def stretch(log: Tensor, most: float = 0.15, shift: float = 0.05) -> Tensor:
    """Half of the sounds faster or slower and higher or lower: by a share of time and of bands."""
    batch = len(log)
    chosen = (torch.rand(batch) < 0.5).float()
    views = torch.zeros(batch, 2, 3)
    views[:, 0, 0] = 1 + chosen * torch.empty(batch).uniform_(-most, most)
    views[:, 1, 1] = 1
    views[:, 1, 2] = chosen * torch.empty(batch).uniform_(-2 * shift, 2 * shift)
    return look(log.unsqueeze(1), views, beyond="reflection").squeeze(1)


def equalise(log: Tensor, spread_db: float = 5.0) -> Tensor:
    """Half of the sounds through a smooth random filter: six gains over the bands."""
    batch, mels, _ = log.shape
    gains = spread_db * _NATS_PER_DB * torch.randn(batch, 1, 6)
    gains = gains * (torch.rand(batch, 1, 1) < 0.5)
    smooth = functional.interpolate(gains, mels, mode="linear", align_corners=True)
    return log + smooth.mT


def cut_bands(log: Tensor) -> Tensor:
    """Nothing above a random band for two of five sounds, nothing below one for one of five."""
    batch, mels, _ = log.shape
    band = torch.arange(mels).view(1, -1, 1)
    high = torch.randint(mels // 3, mels, (batch, 1, 1))
    low = torch.randint(0, mels // 4, (batch, 1, 1))
    gone = (torch.rand(batch, 1, 1) < 0.4) & (band >= high)
    gone |= (torch.rand(batch, 1, 1) < 0.2) & (band < low)
    return log.masked_fill(gone, -math.inf)


def over_telephones(log: Tensor, low_hz: float, rate: int, probability: float = 0.2) -> Tensor:
    """Some of the sounds in a telephone's band alone, from 200..400 to 3,000..4,000 Hz.

    The bands lie on the mel scale between low_hz and half the rate.
    """
    batch, mels, _ = log.shape
    edges = torch.from_numpy(mel_row_edges(rate, mels, low_hz)).float()
    low = torch.empty(batch, 1, 1).uniform_(200, 400)
    high = torch.empty(batch, 1, 1).uniform_(3000, 4000)
    gone = (edges[1:].view(1, -1, 1) < low) | (edges[:-1].view(1, -1, 1) > high)
    return log.masked_fill(gone & (torch.rand(batch, 1, 1) < probability), -math.inf)


def add_noise(log: Tensor, widths: Tensor) -> Tensor:
    """Half of the sounds in steady noise of a random colour, 0 to 30 dB below them.

    widths: float [mels], the bands' widths: white noise has a power in proportion.
    """
    batch, mels, _ = log.shape
    colour = torch.empty(batch, 1).uniform_(-4, 2) * torch.linspace(-0.5, 0.5, mels)
    shares = (widths.log() + colour).log_softmax(1)
    power = log.exp().sum(1).mean(1).clamp_min(1e-9).log()
    below = _NATS_PER_DB * torch.empty(batch).uniform_(0, 30)
    noise = shares.unsqueeze(2) + (power - below).view(-1, 1, 1) + 0.5 * torch.randn_like(log)
    noisy = torch.rand(batch, 1, 1) < 0.5
    return torch.where(noisy, torch.logaddexp(log, noise), log)


def mask(spectrum: Tensor) -> Tensor:
    """Up to two stretches of bands and two of frames become the mean (Park et al. 2019)."""
    batch, mels, frames = spectrum.shape

    def spans(probability: float, size: int) -> Tensor:
        length = torch.randint(1, size // 5 + 1, (batch, 1))
        start = (torch.rand(batch, 1) * (size - length + 1)).long()
        where = torch.arange(size)
        chosen = torch.rand(batch, 1) < probability
        return chosen & (where >= start) & (where < start + length)

    bands = spans(0.5, mels) | spans(0.3, mels)
    steps = spans(0.5, frames) | spans(0.3, frames)
    return spectrum.masked_fill(bands.unsqueeze(2) | steps.unsqueeze(1), 0.0)
