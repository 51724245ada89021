"""Augmentation of waveforms: random windows, reverberation, clipping, background sounds.

All functions take float32 [B, S] at one sample rate.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FRAME_S = 0.02
# Frames further below the loudest one are silence.
_QUIET_DB = 35.0


def active_frames(wave: Tensor, rate: int) -> Tensor:
    """Which frames of 20 ms are not silence.

    Args:
        wave: [B, S].
        rate: Samples per second.

    Returns:
        bool [B, frames]; all True for a recording that is zero throughout.
    """
    size = round(_FRAME_S * rate)
    power = wave[:, : wave.shape[1] // size * size].unflatten(1, (-1, size)).square().mean(2)
    loudest = power.amax(1, keepdim=True)
    # A recording of zeros keeps all frames, so that windows can be drawn from it.
    result: Tensor = (power >= loudest * 10 ** (-_QUIET_DB / 10)) | (loudest <= 0)
    return result


def random_windows(wave: Tensor, samples: int, rate: int) -> tuple[Tensor, Tensor]:
    """Draws a random part of each recording that is not silent.

    Half of the parts are shorter than the window, so that a clip's length does not tell its class.
    Two thirds of these are repeated to fill the window, one third is padded with silence.

    Args:
        wave: [B, S].
        samples: Length of a window.
        rate: Samples per second.

    Returns:
        Windows [B, samples], and where their middles lie, [B]: 0 is the first possible position of
        a window, 1 the last.
    """
    batch, length = wave.shape
    longest = min(samples, length)
    short = torch.rand(batch) < 0.5
    used = torch.where(short, torch.empty(batch).uniform_(0.2, 1.0), 1.0).mul(longest).long()
    frames = active_frames(wave, rate).float()
    frame = torch.multinomial(frames, 1).squeeze(1) + torch.rand(batch)
    starts = (frame * _FRAME_S * rate - torch.rand(batch) * used).long()
    starts = torch.minimum(starts.clamp_min(0), length - used)

    padded = short & (torch.rand(batch) < 1 / 3)
    before = (torch.rand(batch) * (samples - used + 1)).long() * padded
    offset = torch.arange(samples) - before.unsqueeze(1)
    windows = wave.gather(1, starts.unsqueeze(1) + offset % used.unsqueeze(1))
    silent = padded.unsqueeze(1) & ((offset < 0) | (offset >= used.unsqueeze(1)))
    windows = windows.masked_fill(silent, 0.0)
    middle = (starts + used / 2 - samples / 2) / max(1, length - samples)
    return windows, middle.clamp(0, 1)


def normalise_loudness(wave: Tensor) -> Tensor:
    """Scales each recording so that the root mean square of its louder half is 1.

    Args:
        wave: [B, S].

    Returns:
        The same shape.
    """
    power = wave[:, ::8].square()  # enough to tell
    louder = power >= power.median(1, keepdim=True).values
    mean = (power * louder).sum(1, keepdim=True) / louder.sum(1, keepdim=True)
    return wave / (mean.sqrt() + 1e-5)


def add_reverberation(wave: Tensor, rate: int, probability: float = 0.25) -> Tensor:
    """Adds the reverberation of random synthetic rooms to some of the sounds.

    An impulse response is a peak, then noise of up to 0.8 s that decays by 60 dB in 0.1 to 1.2 s,
    with fewer high frequencies. The direct sound is 0 to 20 dB louder than the reverberation.

    Args:
        wave: [B, S].
        rate: Samples per second.
        probability: Probability of a change, for each sound.

    Returns:
        The same shape.
    """
    chosen = (torch.rand(len(wave)) < probability).nonzero().squeeze(1)
    if not len(chosen):
        return wave
    length = wave.shape[1]
    seconds = torch.arange(min(length, round(0.8 * rate))) / rate
    decay = torch.empty(len(chosen), 1).uniform_(math.log(0.1), math.log(1.2)).exp()
    tail = torch.randn(len(chosen), len(seconds)) * 10 ** (-3 * seconds / decay)
    dull = torch.rand(len(chosen), 1)
    tail[:, 1:] = tail[:, 1:] + dull * tail[:, :-1]
    direct = 10 ** (torch.empty(len(chosen), 1).uniform_(0, 20) / 20)
    tail = tail / tail.norm(dim=1, keepdim=True)
    tail[:, :1] = tail[:, :1].abs() + direct
    size = 1 << (length + len(seconds) - 1).bit_length()
    spectrum = torch.fft.rfft(wave[chosen], size) * torch.fft.rfft(tail, size)
    wave = wave.clone()
    wave[chosen] = torch.fft.irfft(spectrum, size)[:, :length]
    return wave


def clip_peaks(wave: Tensor, probability: float = 0.1) -> Tensor:
    """Clips some of the sounds at a share of their peak, as an overdriven recorder does.

    Args:
        wave: [B, S].
        probability: Probability of a change, for each sound; the limit is 0 to 26 dB below
            the peak.

    Returns:
        The same shape.
    """
    batch = len(wave)
    limit = wave.abs().amax(1, keepdim=True) * 10 ** (-torch.empty(batch, 1).uniform_(0, 26) / 20)
    limit = torch.where(torch.rand(batch, 1) < probability, limit, math.inf)
    return wave.clamp(-limit, limit)


def mix_background(wave: Tensor, probability: float = 0.2) -> Tensor:
    """Adds another sound of the batch, 6 to 24 dB quieter, to some of the sounds.

    Args:
        wave: [B, S].
        probability: Probability of a change, for each sound.

    Returns:
        The same shape.
    """
    batch = len(wave)
    gain = 10 ** (-torch.empty(batch, 1).uniform_(6, 24) / 20)
    gain = gain * (torch.rand(batch, 1) < probability)
    shift = torch.randint(wave.shape[1], ())
    return wave + gain * torch.roll(wave[torch.randperm(batch)], int(shift), 1)
