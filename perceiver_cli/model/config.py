"""Everything that fixes the network's arithmetic, as flat values a checkpoint can carry."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

# Latents of this many channels are wide: rounding them takes little time beside their products.
WIDE = 512

Sharing = Literal["none", "all", "but_first"]


@dataclass(frozen=True)
class PerceiverConfig:
    """The 2021 Perceiver and the classifiers of Perceiver IO under one set of values.

    streams: channels C_s of each input stream's byte array, by name. One stream is used as it is;
        several are padded to a common width with learned embeddings and concatenated along M.
    stream_padding: channels beyond the widest stream's that several streams are padded to, so
        that every stream keeps room for its own learned mark.
    learned_elements: learned elements that are read behind those of the streams.
    learned_inputs, learned_outputs, learned_windows: that many of an element's channels, from the
        first, are replaced by what a learned layer makes of them: see preprocessing.py. 0: none.
    position_rows, position_channels: a learned table of positions, one row for each element of
        the grid, that is put behind each element's channels. 0: none.
    classes: number of output classes.
    latents, width: the latent array's N and D.
    cross_attends: K, how often the byte array is read (iterative attention).
    layers: L, self-attends in one latent transformer.
    repeats: how often the latent transformer runs after each cross-attend (IO: 8, shared).
    cross_heads, self_heads: attention heads.
    cross_channels: query-key channels of the cross-attend; 0 means C, the paper's choice ("kv").
    cross_widening, self_widening: hidden units of the MLPs over their width.
    share_cross, share_latent: which of the K repeats share weights.
    readout: mean over latents, norm, linear (2021), or a learned query's cross-attend (IO).
    readout_residual: whether the read-out's cross-attend adds its query (DeepMind's image
        classifiers do, except the one with learned positions).
    readout_width: channels of the read-out's query; 0 means D.
    gelu: the exact form ("erf") or the approximation DeepMind's jax code uses ("tanh").
    norm_eps: epsilon of every LayerNorm.
    """

    streams: dict[str, int]
    classes: int
    stream_padding: int = 1
    learned_elements: int = 0
    learned_inputs: int = 0
    learned_outputs: int = 0
    learned_windows: int = 1
    position_rows: int = 0
    position_channels: int = 0
    latents: int = 64
    width: int = 192
    cross_attends: int = 2
    layers: int = 4
    repeats: int = 1
    cross_heads: int = 1
    self_heads: int = 4
    cross_channels: int = 0
    cross_widening: int = 1
    self_widening: int = 4
    share_cross: Sharing = "none"
    share_latent: Sharing = "none"
    readout: Literal["mean", "query"] = "mean"
    readout_residual: bool = True
    readout_width: int = 0
    gelu: Literal["erf", "tanh"] = "erf"
    norm_eps: float = 1e-5

    @property
    def channels(self) -> int:
        """C of the byte array that the cross-attends read."""
        widest = max(self.streams.values())
        if len(self.streams) > 1:
            return widest + self.stream_padding
        return widest - self.learned_inputs + self.learned_outputs + self.position_channels

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PerceiverConfig:
        """The config kept in a checkpoint. Raises ValueError on unknown or missing values."""
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown model settings: {', '.join(unknown)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None


def shared_index(sharing: Sharing, repeat: int) -> int:
    """Which of the distinct modules serves a repeat (0-based)."""
    return {"none": repeat, "all": 0, "but_first": min(repeat, 1)}[sharing]
