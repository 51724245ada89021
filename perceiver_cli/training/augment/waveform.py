"""Random changes on waveforms: which part of a recording is heard, in which room, over what.

All take float32 [B, S] at one sample rate. What they leave alone comes back as it was.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_FRAME_S = 0.02
# Frames this far below a recording's loudest hold nothing of its sound.
_QUIET_DB = 35.0


def heard(wave: Tensor, rate: int) -> Tensor:
    """Which frames of 20 ms hold sound, and not what lies around it: bool [B, frames]."""
    size = round(_FRAME_S * rate)
    power = wave[:, : wave.shape[1] // size * size].unflatten(1, (-1, size)).square().mean(2)
    loudest = power.amax(1, keepdim=True)
    # A recording of nothing at all is heard in full: there is no better part of it.
    result: Tensor = (power >= loudest * 10 ** (-_QUIET_DB / 10)) | (loudest <= 0)
    return result


def random_windows(wave: Tensor, samples: int, rate: int) -> tuple[Tensor, Tensor]:
    """A random stretch of each recording, with sound in it: [B, S] -> [B, samples], starts [B].

    Half of the stretches are shorter than the window, so that a clip's length says nothing: two
    of three of these are repeated, the third has silence around it. starts: where each stretch's
    middle lies between the first possible place of a window's middle, 0, and the last, 1.
    """
    batch, length = wave.shape
    used = torch.full((batch,), min(samples, length))
    short = torch.rand(batch) < 0.5
    used[short] = torch.empty(int(short.sum())).uniform_(0.2, 1.0).mul_(used[0]).long()
    frames = heard(wave, rate).float()
    frame = torch.multinomial(frames, 1).squeeze(1) + torch.rand(batch)
    starts = (frame * _FRAME_S * rate - torch.rand(batch) * used).long()
    starts = torch.minimum(starts.clamp_min(0), length - used)

    alone = short & (torch.rand(batch) < 1 / 3)
    before = (torch.rand(batch) * (samples - used + 1)).long()
    windows = wave.new_zeros(batch, samples)
    drawn = (starts.tolist(), used.tolist(), before.tolist(), alone.tolist())
    for row, start, size, silence, once in zip(range(batch), *drawn, strict=True):
        stretch = wave[row, start : start + size]
        if once:
            windows[row, silence : silence + size] = stretch
        else:
            windows[row] = stretch.repeat(math.ceil(samples / size))[:samples]
    middle = (starts + used / 2 - samples / 2) / max(1, length - samples)
    return windows, middle.clamp(0, 1)


def levelled(wave: Tensor) -> Tensor:
    """At one loudness: the root mean square of each recording's louder half is 1."""
    power = wave[:, ::8].square()  # enough to tell
    louder = power >= power.median(1, keepdim=True).values
    mean = (power * louder).sum(1, keepdim=True) / louder.sum(1, keepdim=True)
    return wave / (mean.sqrt() + 1e-5)


def in_rooms(wave: Tensor, rate: int, probability: float = 0.25) -> Tensor:
    """Some of the sounds as made-up rooms return them: [B, S] -> [B, S].

    A room's impulse response is a peak, then noise that decays by 60 dB in 0.1 to 1.2 s,
    quicker at high frequencies; 0 to 20 dB of it all reaches the microphone directly.
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


def overdriven(wave: Tensor, probability: float = 0.1) -> Tensor:
    """Some of the sounds too loud for their recorder: cut off at a part of their peak."""
    batch = len(wave)
    limit = wave.abs().amax(1, keepdim=True) * 10 ** (-torch.empty(batch, 1).uniform_(0, 26) / 20)
    limit = torch.where(torch.rand(batch, 1) < probability, limit, math.inf)
    return wave.clamp(-limit, limit)


def over_others(wave: Tensor, probability: float = 0.2) -> Tensor:
    """Some of the sounds with another of the batch 6 to 24 dB quieter behind: [B, S]."""
    batch = len(wave)
    gain = 10 ** (-torch.empty(batch, 1).uniform_(6, 24) / 20)
    gain = gain * (torch.rand(batch, 1) < probability)
    turn = torch.randint(wave.shape[1], ())
    return wave + gain * torch.roll(wave[torch.randperm(batch)], int(turn), 1)
