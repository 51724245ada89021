"""Averages two checkpoints of one model, weight by weight (model soups, Wortsman et al. 2022).

    python average.py FIRST.safetensors SECOND.safetensors MEAN.safetensors --share 0.7

All but the weights is taken from the second, including its calibration; later training refits it.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("first", type=Path)
parser.add_argument("second", type=Path)
parser.add_argument("mean", type=Path)
parser.add_argument("--share", type=float, default=0.5, help="weight of the second")
call = parser.parse_args()
first, second = load_checkpoint(call.first), load_checkpoint(call.second)
if first.header.model != second.header.model:
    parser.error("the two checkpoints have different architectures")
tensors = {
    name: torch.lerp(first.tensors[name], tensor, call.share)
    for name, tensor in second.tensors.items()
}
# The statistics of familiar inputs were fitted to the second; `train --refit-familiar` refits them.
header = replace(second.header, familiar=None)
save_checkpoint(call.mean, replace(second, header=header, tensors=tensors))
