"""Logits of the picture weights' teacher for rendered clips: the teacher of clips without sound.

    python teach_clips.py pictures/ sounds/ clips/ teacher/ teacher_clips/ --train 2700

The clips are those of pair_clips.py, called with the same --train; teacher/ is that of
teach_pictures.py. A kind's logit is the log-sum-exp over its picture classes. Writes
TARGET/files.txt (paths below clips/train) and TARGET/logits.npy (float16 [clips, kinds, 1, 1]).
"""

import argparse
import json
from pathlib import Path

import numpy as np
from pair_clips import jobs

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
for name in ("pictures", "sounds", "clips", "teacher", "target"):
    parser.add_argument(name, type=Path)
parser.add_argument("--train", type=int, default=900)
call = parser.parse_args()

lines = (call.teacher / "files.txt").read_text().splitlines()
row_of = {line: row for row, line in enumerate(lines)}
names = sorted({line.split("/")[0] for line in lines})
logits = np.load(call.teacher / "logits.npy", mmap_mode="r")

everyday = json.loads(Path(__file__).with_name("everyday.json").read_text())
pictures_of = {kind.replace(" ", "_"): parts["pictures"] for kind, parts in everyday.items()}
kinds = sorted(pictures_of)
members = [[names.index(name) for name in pictures_of[kind]] for kind in kinds]

made = jobs(call.pictures, call.sounds, call.clips, "train", call.train)
rows = [row_of[f"{picture.parent.name}/{picture.name}"] for picture, *_ in made]
every = logits[rows].astype(np.float32).mean((2, 3))
found = np.stack([np.logaddexp.reduce(every[:, own], 1) for own in members], 1)

call.target.mkdir(parents=True, exist_ok=True)
np.save(call.target / "logits.npy", found[:, :, None, None].astype(np.float16))
below = call.clips / "train"
paths = [clip.relative_to(below).as_posix() + "\n" for _, _, clip, _ in made]
(call.target / "files.txt").write_text("".join(paths))
truth = [kinds.index(clip.parent.name) for _, _, clip, _ in made]
print(f"{len(made)} clips, teacher's accuracy {np.mean(found.argmax(1) == truth):.1%}")
