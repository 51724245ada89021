"""Averages two checkpoints of one model, weight by weight (model soups, Wortsman et al. 2022).

    python average.py FIRST.safetensors SECOND.safetensors MEAN.safetensors --share 0.7

Everything but the weights is the second's, its calibration too; further training fits a new one.
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
    parser.error("the two have different architectures")
tensors = {
    name: torch.lerp(first.tensors[name], tensor, call.share)
    for name, tensor in second.tensors.items()
}
# What is familiar was fitted to the second: `perceiver train --refit-familiar` fits it again.
header = replace(second.header, familiar=None)
save_checkpoint(call.mean, replace(second, header=header, tensors=tensors))
