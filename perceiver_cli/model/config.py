"""All settings of the network, as flat values that a checkpoint stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from perceiver_cli.settings import Count, CountOrZero, Depth, Positive, read_settings

Sharing = Literal["none", "all", "but_first"]

# Maximum number of self-attends with weights of their own.
MAX_SELF_ATTENDS = 1_000


@dataclass(frozen=True)
class PerceiverConfig:
    """The 2021 Perceiver and the classifiers of Perceiver IO under one set of values.

    Attributes:
        streams: Stream -> channels C_s of its byte array. One stream is used as it is; several are
            padded to a common width with learned embeddings and concatenated along M.
        classes: Number of output classes.
        stream_padding: Number of channels beyond the widest of several streams, so that every
            stream has room for its embedding.
        learned_elements: Number of learned elements, appended to those of the streams.
        learned_inputs: Channels of each element, from the first, that a learned layer replaces, see
            preprocessing.py; 0: none.
        learned_outputs: Channels that replace them.
        learned_windows: Windows of the input that they hold.
        position_rows: Rows of a learned table of positions, one for each element of the grid; 0: no
            table.
        position_channels: Channels that it appends to each element.
        latents: N, the latent array's rows.
        width: D, the latent array's channels.
        cross_attends: K, the iterations (2021 paper: iterative attention): each is one cross-attend
            to the byte array, then passes through the latent transformer.
        layers: L, self-attends in one latent transformer.
        repeats: Passes through the latent transformer in each iteration, all with the same weights
            (Perceiver IO: 8, its num_blocks).
        cross_heads: Attention heads of a cross-attend.
        self_heads: Attention heads of a self-attend.
        cross_channels: Query-key channels of the cross-attend; 0: C, the paper's choice ("kv").
        cross_widening: Hidden units of a cross-attend's MLP over D.
        self_widening: Hidden units of a self-attend's MLP over D.
        share_cross: Which of the K iterations share the weights of the cross-attend.
        share_latent: Which of the K iterations share the weights of the latent transformer.
        readout: "mean": mean over latents, norm, linear (2021); "query": a learned query's
            cross-attend (Perceiver IO).
        readout_residual: Whether the read-out's cross-attend adds its query. (DeepMind's image
            classifiers do, except the one with learned positions.)
        readout_width: Channels of the read-out's query; 0: D.
        gelu: The exact form ("erf") or the approximation that DeepMind's jax code uses ("tanh").
        norm_eps: Epsilon of every LayerNorm.
    """

    streams: dict[str, Count]
    classes: Count
    stream_padding: CountOrZero = 1
    learned_elements: CountOrZero = 0
    learned_inputs: CountOrZero = 0
    learned_outputs: CountOrZero = 0
    learned_windows: Count = 1
    position_rows: CountOrZero = 0
    position_channels: CountOrZero = 0
    latents: Count = 64
    width: Count = 192
    cross_attends: Depth = 2
    layers: Depth = 4
    repeats: Depth = 1
    cross_heads: Count = 1
    self_heads: Count = 4
    cross_channels: CountOrZero = 0
    cross_widening: Depth = 1
    self_widening: Depth = 4
    share_cross: Sharing = "none"
    share_latent: Sharing = "none"
    readout: Literal["mean", "query"] = "mean"
    readout_residual: bool = True
    readout_width: CountOrZero = 0
    gelu: Literal["erf", "tanh"] = "erf"
    norm_eps: Positive = 1e-5

    @property
    def channels(self) -> int:
        """C of the byte array that the cross-attends read."""
        widest = max(self.streams.values())
        if len(self.streams) > 1:
            return widest + self.stream_padding
        return widest - self.learned_inputs + self.learned_outputs + self.position_channels

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PerceiverConfig:
        """Reads the config from the values in a checkpoint.

        Raises:
            ValueError: a value is unknown, missing, not allowed, or contradicts another; in one
                line.
        """
        config = read_settings(cls, values, "model setting")
        config.check()
        return config

    def check(self) -> None:
        """Raises ValueError if sizes contradict each other."""
        if not self.streams:
            raise ValueError("model setting streams must have at least one stream")
        pairs = [
            ("self_heads", self.self_heads, "width", self.width),
            (
                "cross_heads",
                self.cross_heads,
                "cross_channels" if self.cross_channels else "the byte array's channels",
                self.cross_channels or self.channels,
            ),
            ("learned_windows", self.learned_windows, "learned_inputs", self.learned_inputs),
        ]
        for part, size, whole, total in pairs:
            if total % size:
                raise ValueError(f"model setting {part} ({size}) must divide {whole} ({total})")
        for one, other in (
            ("learned_inputs", "learned_outputs"),
            ("position_rows", "position_channels"),
        ):
            if bool(getattr(self, one)) != bool(getattr(self, other)):
                raise ValueError(f"model settings {one} and {other} need each other")
        if self.cross_attends * self.layers > MAX_SELF_ATTENDS:
            raise ValueError(
                f"model settings cross_attends ({self.cross_attends}) x layers ({self.layers}) "
                f"must be at most {MAX_SELF_ATTENDS:,}"
            )
        if self.learned_inputs > max(self.streams.values()):
            raise ValueError("model setting learned_inputs must not exceed the stream's channels")


def shared_index(sharing: Sharing, iteration: int) -> int:
    """The index of the distinct module that an iteration uses (both 0-based)."""
    return {"none": iteration, "all": 0, "but_first": min(iteration, 1)}[sharing]
