"""Augmentation of log-mel spectrograms: pitch, filters, bandwidth, noise, masks.

All functions take [B, mels, frames] in nats relative to the loudest cell, as AudioAdapter.log_mel
gives them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters.audio import AudioAdapter, mel_row_edges
from perceiver_cli.training.augment.affine import warp

_NATS_PER_DB = math.log(10) / 10


def augmented_features(adapter: AudioAdapter, wave: Tensor) -> Tensor:
    """Augmented features of sounds; those of raw samples are not changed here.

    Args:
        adapter: Whose features they are.
        wave: float32 [B, samples].

    Returns:
        As the adapter's `features` gives them.
    """
    if adapter.recipe.patch_samples:
        return adapter.features({"audio": wave})["audio"]
    log = random_equaliser(warp_time_and_frequency(adapter.log_mel(wave)))
    log = limit_bandwidth(limit_to_telephone_band(log, adapter.recipe.low_hz, adapter.recipe.rate))
    log = add_noise(log, adapter.filters.sum(1))
    return mask_spans(adapter.normalise(log)).unsqueeze(1)


def warp_time_and_frequency(log: Tensor, stretch: float = 0.15, shift: float = 0.05) -> Tensor:
    """Stretches half of the sounds in time and shifts them in frequency.

    Args:
        log: float [B, mels, frames].
        stretch: Largest change of the duration, as a share of it.
        shift: Largest shift, as a share of the bands.

    Returns:
        The same shape.
    """
    batch = len(log)
    chosen = (torch.rand(batch) < 0.5).float()
    maps = torch.zeros(batch, 2, 3)
    maps[:, 0, 0] = 1 + chosen * torch.empty(batch).uniform_(-stretch, stretch)
    maps[:, 1, 1] = 1
    maps[:, 1, 2] = chosen * torch.empty(batch).uniform_(-2 * shift, 2 * shift)
    return warp(log.unsqueeze(1), maps, padding="reflection").squeeze(1)


def random_equaliser(log: Tensor, spread_db: float = 5.0) -> Tensor:
    """Filters half of the sounds with a smooth random curve of six gains over the bands.

    Args:
        log: float [B, mels, frames].
        spread_db: Standard deviation of the gains in decibels.

    Returns:
        The same shape.
    """
    batch, mels, _ = log.shape
    gains = spread_db * _NATS_PER_DB * torch.randn(batch, 1, 6)
    gains = gains * (torch.rand(batch, 1, 1) < 0.5)
    smooth = functional.interpolate(gains, mels, mode="linear", align_corners=True)
    return log + smooth.mT


def limit_bandwidth(log: Tensor) -> Tensor:
    """Low-pass filters 40 % of the sounds and high-pass filters 20 %, at a random band.

    Args:
        log: float [B, mels, frames].

    Returns:
        The same shape; -inf where nothing is left.
    """
    batch, mels, _ = log.shape
    band = torch.arange(mels).view(1, -1, 1)
    high = torch.randint(mels // 3, mels, (batch, 1, 1))
    low = torch.randint(0, mels // 4, (batch, 1, 1))
    gone = (torch.rand(batch, 1, 1) < 0.4) & (band >= high)
    gone |= (torch.rand(batch, 1, 1) < 0.2) & (band < low)
    return log.masked_fill(gone, -math.inf)


def limit_to_telephone_band(
    log: Tensor, low_hz: float, rate: int, probability: float = 0.35
) -> Tensor:
    """Limits some of the sounds to a telephone's band, from 200..400 to 3,000..4,000 Hz.

    Args:
        log: float [B, mels, frames].
        low_hz: Lower end of the lowest mel band.
        rate: Samples per second; the highest band ends at half of it.
        probability: Probability of a change, for each sound.

    Returns:
        The same shape; -inf where nothing is left.
    """
    batch, mels, _ = log.shape
    edges = torch.tensor(mel_row_edges(rate, mels, low_hz), dtype=torch.float32)
    low = torch.empty(batch, 1, 1).uniform_(200, 400)
    high = torch.empty(batch, 1, 1).uniform_(3000, 4000)
    gone = (edges[1:].view(1, -1, 1) < low) | (edges[:-1].view(1, -1, 1) > high)
    return log.masked_fill(gone & (torch.rand(batch, 1, 1) < probability), -math.inf)


def add_noise(log: Tensor, widths: Tensor) -> Tensor:
    """Adds stationary noise of a random colour to half of the sounds, 0 to 30 dB below them.

    Args:
        log: float [B, mels, frames].
        widths: float [mels], the bands' widths, to which white noise's power is proportional.

    Returns:
        The same shape.
    """
    batch, mels, _ = log.shape
    colour = torch.empty(batch, 1).uniform_(-4, 2) * torch.linspace(-0.5, 0.5, mels)
    shares = (widths.log() + colour).log_softmax(1)
    power = log.exp().sum(1).mean(1).clamp_min(1e-9).log()
    below = _NATS_PER_DB * torch.empty(batch).uniform_(0, 30)
    noise = shares.unsqueeze(2) + (power - below).view(-1, 1, 1) + 0.5 * torch.randn_like(log)
    noisy = torch.rand(batch, 1, 1) < 0.5
    return torch.where(noisy, torch.logaddexp(log, noise), log)


def mask_spans(spectrum: Tensor) -> Tensor:
    """Masks up to two spans of bands and two of frames (SpecAugment, Park et al. 2019).

    Args:
        spectrum: Normalised, float [B, mels, frames].

    Returns:
        The same shape; 0, the mean, in the spans.
    """
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
