"""The Perceiver: iterations in which latents cross-attend to a byte array, then to each other.

Jaegle et al. 2021, "Perceiver: General Perception with Iterative Attention" (sections 3.1, 3.2),
and "Perceiver IO" for the learned read-out query.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from perceiver_cli.model import keys_values
from perceiver_cli.model.attention import AttentionWeights, CrossAttend, SelfAttend
from perceiver_cli.model.byte_array import NormalisedByteArray, Positions, normalise
from perceiver_cli.model.config import PerceiverConfig, shared_index
from perceiver_cli.model.preprocessing import LearnedPreprocessor

# Called after each cross-attend with the number of its iteration (0-based) and its weights.
Watcher = Callable[[int, AttentionWeights], None]

# Called after each iteration with its number (0-based) and the latents [B, N, D].
LatentWatcher = Callable[[int, Tensor], None]


class MeanLatent:
    """A LatentWatcher that keeps the mean latent after one iteration.

    Args:
        last: Whether to keep it after the last iteration, otherwise after the first.

    Attributes:
        mean: float32 [B, D].
    """

    mean: Tensor

    def __init__(self, *, last: bool = False) -> None:
        self.last = last

    def __call__(self, iteration: int, latents: Tensor) -> None:
        """latents: [B, N, D]."""
        if iteration == 0 or self.last:
            self.mean = latents.float().mean(1)


class StreamPadding(nn.Module):
    """Pads the elements of several streams to one width and concatenates them.

    Each stream's channels are padded to C with its own learned embedding, then the streams are
    concatenated along M (2021 paper, section 4.3; io_processors.py).
    """

    def __init__(self, streams: dict[str, int], channels: int) -> None:
        super().__init__()
        self.embeddings = nn.ParameterDict(
            {
                name: nn.Parameter(nn.init.trunc_normal_(torch.empty(channels - own), std=0.02))
                for name, own in streams.items()
            }
        )

    def forward(self, streams: dict[str, Tensor]) -> Tensor:
        """streams: name -> [B, M_s, C_s], any subset of them. Returns [B, sum M_s, C]."""
        padded = [
            torch.cat([x, self.embeddings[name].expand(*x.shape[:2], -1)], -1)
            for name, x in streams.items()
        ]
        return torch.cat(padded, 1)


class QueryReadout(nn.Module):
    """A learned query cross-attends to the latents, then a linear layer (Perceiver IO)."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.eps = config.norm_eps
        width = config.readout_width or config.width
        self.query = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, width), std=0.02))
        self.attend = CrossAttend(
            width,
            channels=config.width,
            heads=1,
            qk_channels=config.width,
            widening=1,
            gelu=config.gelu,
            eps=config.norm_eps,
            query_residual=config.readout_residual,
        )
        self.head = nn.Linear(width, config.classes)

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, N, D] -> logits [B, classes]."""
        query = self.query.expand(len(latents), 1, -1)
        logits: Tensor = self.head(self.attend(query, normalise(latents, self.eps))[0].squeeze(1))
        return logits


class MeanReadout(nn.Module):
    """Mean over latents, norm, linear (2021)."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.width, config.norm_eps)
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, N, D] -> logits [B, classes]."""
        logits: Tensor = self.head(self.norm(latents.mean(1)))
        return logits


class Perceiver(nn.Module):
    """The network from byte arrays to logits. See PerceiverConfig for its options."""

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.config = config
        self.padding = (
            StreamPadding(config.streams, config.channels) if len(config.streams) > 1 else None
        )
        learned = config.learned_inputs or config.position_rows
        self.preprocessor = LearnedPreprocessor(config) if learned else None
        self.learned_elements = (
            nn.Parameter(
                nn.init.trunc_normal_(
                    torch.empty(config.learned_elements, config.channels), std=0.02
                )
            )
            if config.learned_elements
            else None
        )
        self.latents = nn.Parameter(
            nn.init.trunc_normal_(torch.empty(config.latents, config.width), std=0.02)
        )
        iterations = range(config.cross_attends)
        self.cross = nn.ModuleList(
            CrossAttend(
                config.width,
                channels=config.channels,
                heads=config.cross_heads,
                qk_channels=config.cross_channels,
                widening=config.cross_widening,
                gelu=config.gelu,
                eps=config.norm_eps,
            )
            for _ in {shared_index(config.share_cross, k) for k in iterations}
        )
        self.transformers = nn.ModuleList(
            nn.Sequential(
                *(
                    SelfAttend(
                        config.width,
                        heads=config.self_heads,
                        widening=config.self_widening,
                        gelu=config.gelu,
                        eps=config.norm_eps,
                    )
                    for _ in range(config.layers)
                )
            )
            for _ in {shared_index(config.share_latent, k) for k in iterations}
        )
        self.readout = (MeanReadout if config.readout == "mean" else QueryReadout)(config)
        self.apply(_initialise)

    def forward(
        self,
        streams: dict[str, Tensor],
        *,
        watch: Watcher | None = None,
        chosen: Tensor | None = None,
        positions: Positions | None = None,
        dtype: torch.dtype | None = None,
        watch_latents: LatentWatcher | None = None,
    ) -> Tensor:
        """Logits of a batch (2021 paper, section 3.2).

        Args:
            streams: Stream -> byte array [B, M_s, C_s]. Any of several streams may be missing.
            watch: Called with the weights of every cross-attend, in order, unless gradients are
                recorded.
            chosen: Indices of the latents to use, int [n], which makes a training step cheaper;
                None: all.
            positions: [M, P], the last channels of every element, if a single stream lacks them.
            dtype: Precision of the normalised byte array; None: that of the streams.
            watch_latents: Called with the latents after every iteration.

        Returns:
            Logits [B, classes].
        """
        return self.read(
            self.gather(streams),
            watch=watch,
            chosen=chosen,
            positions=positions,
            dtype=dtype,
            watch_latents=watch_latents,
        )

    def gather(self, streams: dict[str, Tensor]) -> Tensor:
        """The streams as one byte array [B, M, C]."""
        x = self.padding(streams) if self.padding else next(iter(streams.values()))
        if self.preprocessor is not None:
            x = self.preprocessor(x)
        if self.learned_elements is not None:
            x = torch.cat([x, self.learned_elements.expand(len(x), -1, -1)], 1)
        return x

    def read(
        self,
        x: Tensor,
        *,
        watch: Watcher | None = None,
        chosen: Tensor | None = None,
        positions: Positions | None = None,
        dtype: torch.dtype | None = None,
        watch_latents: LatentWatcher | None = None,
    ) -> Tensor:
        """Logits of one byte array, as `gather` gives it.

        Args:
            x: [B, M, C], or [B, M, C - P] with `positions`; any number M of elements.
            watch: See forward, as for all that follow.
            chosen: Indices of the latents to use.
            positions: The last channels of every element.
            dtype: Precision of the normalised byte array.
            watch_latents: Called with the latents after every iteration.

        Returns:
            Logits [B, classes].
        """
        byte_array: Tensor | NormalisedByteArray = NormalisedByteArray(
            x, positions, self.config.norm_eps, dtype or x.dtype
        )
        if torch.is_grad_enabled() or x.shape[1] <= keys_values.CHUNK:
            byte_array = byte_array[:, :]  # normalised once for all iterations
        latents = self.latents if chosen is None else self.latents[chosen]
        latents = latents.expand(x.shape[0], -1, -1)
        for iteration in range(self.config.cross_attends):
            cross = self.cross[shared_index(self.config.share_cross, iteration)]
            latents, weights = cross(latents, byte_array, watched=watch is not None)
            if watch is not None and weights is not None:
                watch(iteration, weights)
            transformer = self.transformers[shared_index(self.config.share_latent, iteration)]
            for _ in range(self.config.repeats):
                latents = transformer(latents)
            if watch_latents is not None:
                watch_latents(iteration, latents)
        logits: Tensor = self.readout(latents)
        return logits


def _initialise(module: nn.Module) -> None:
    """LeCun-normal weights and zero biases, as in haiku's VarianceScaling(1.0)."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5, a=-1, b=1)
        nn.init.zeros_(module.bias)
