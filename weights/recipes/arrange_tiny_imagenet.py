"""Arranges Tiny-ImageNet-200 as DIR/{train,val}/<wnid>/*.JPEG with DIR/labels.tsv.

    python arrange_tiny_imagenet.py tiny-imagenet-200/ pictures/

The labels are the first of each class's names in words.txt. Links, no copies.
"""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("source", type=Path)
parser.add_argument("target", type=Path)
call = parser.parse_args()

(call.target / "train").mkdir(parents=True)
for folder in sorted((call.source / "train").iterdir()):
    link = call.target / "train" / folder.name
    link.symlink_to((folder / "images").resolve(), target_is_directory=True)

for line in (call.source / "val" / "val_annotations.txt").read_text().splitlines():
    name, wnid = line.split("\t")[:2]
    link = call.target / "val" / wnid / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to((call.source / "val" / "images" / name).resolve())

lines = (call.source / "words.txt").read_text(encoding="utf-8").splitlines()
words = dict(line.split("\t", 1) for line in lines)
wnids = sorted(folder.name for folder in (call.target / "train").iterdir())
labels = [f"{wnid}\t{words[wnid].split(',')[0]}\n" for wnid in wnids]
(call.target / "labels.tsv").write_text("".join(labels), encoding="utf-8")
