"""Computes a teacher's logits for every training sound (YAMNet and a cross-fitted linear head).

    python teach_sounds.py yamnet.tflite sounds/ teacher/

Needs `numpy scipy soundfile ai-edge-litert` and:

- yamnet.tflite, Google's YAMNet (Apache-2.0, trained on AudioSet) in the form with the input
  `waveform` float32 [15600] (0.975 s of 16 kHz mono) and the output of 521 class scores; the
  1024 numbers of its global average pooling are the embedding.
- sounds/train/<class>/*.ogg, 16 kHz mono.

1. Every clip is cut into patches of 0.975 s spread evenly from its start to its end (a shorter
   clip is repeated), and its embedding is the mean of theirs.
2. A linear softmax head on standardised embeddings is cross-fitted in five folds, with equal
   weights for classes. Clips of one recording, by their file names, share a fold: no clip is
   scored by a head that was fitted on its recording. The weight decay is the one with the least
   cross-fitted, class-balanced cross-entropy.
3. teacher/files.txt lists the clips as `<class>/<name>`, by class, then name; teacher/logits.npy
   holds float16 [clips, classes, 1, 1] in that order, classes in sorted order.

Embeddings are kept in teacher/embeddings.npy, and used again if they are there.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from recordings import FOLDS, RECORDING, folds, listing
from scipy.optimize import minimize

RATE = 16000
PATCH = 15600
DECAYS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)  # strong to weak: each fit starts the next


class Yamnet:
    """The embedding of one patch, read from inside the network."""

    def __init__(self, path: Path) -> None:
        self.net = Interpreter(
            str(path),
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self.net.allocate_tensors()
        self.waveform = self.net.get_input_details()[0]["index"]
        tensors = self.net.get_tensor_details()
        self.pooled = next(
            t["index"] for t in tensors if t["name"].endswith("global_average_pooling2d/Mean")
        )

    def __call__(self, patch: np.ndarray) -> np.ndarray:
        """Float32 [PATCH] in -1..1 to float32 [1024]."""
        self.net.set_tensor(self.waveform, patch)
        self.net.invoke()
        return self.net.get_tensor(self.pooled)[0].copy()


def patches(sound: np.ndarray) -> list[np.ndarray]:
    """Patches of PATCH samples, evenly from the first sample to the last."""
    if len(sound) < PATCH:
        sound = np.resize(sound, PATCH)
    starts = np.linspace(0, len(sound) - PATCH, max(1, round(len(sound) / PATCH)))
    return [sound[round(s) : round(s) + PATCH] for s in starts]


def embed(yamnet: Yamnet, folder: Path, files: list[str]) -> np.ndarray:
    """Float32 [files, 1024]. ValueError for a clip of another rate or with several channels."""
    out = np.zeros((len(files), 1024), np.float32)
    for i, name in enumerate(files):
        sound, rate = soundfile.read(folder / name, dtype="float32")
        if rate != RATE or sound.ndim != 1 or not len(sound):
            raise ValueError(f"{name}: not {RATE} Hz mono")
        out[i] = np.mean([yamnet(p) for p in patches(sound)], axis=0)
        if i % 500 == 0:
            print(f"{folder.name}: {i} of {len(files)}", flush=True)
    return out


def fit(x: np.ndarray, y: np.ndarray, decay: float, start: np.ndarray) -> np.ndarray:
    """Head [features + 1, classes] (last row: bias) of the least class-balanced loss + decay."""
    classes = start.shape[1]
    weight = 1 / np.bincount(y, minlength=classes).clip(1)[y]
    weight = (weight / weight.sum()).astype(np.float32)[:, None]
    hot = np.eye(classes, dtype=np.float32)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        head = flat.reshape(start.shape).astype(np.float32)
        z = x @ head[:-1] + head[-1]
        z -= z.max(1, keepdims=True)
        log = z - np.log(np.exp(z).sum(1, keepdims=True))
        error = weight * (np.exp(log) - hot)
        grad = np.vstack([x.T @ error + 2 * decay * head[:-1], error.sum(0)])
        value = -(weight * hot * log).sum() + decay * (head[:-1] ** 2).sum()
        return float(value), grad.ravel().astype(float)

    options = {"maxiter": 60, "maxcor": 8}
    best = minimize(loss, start.ravel().astype(float), jac=True, method="L-BFGS-B", options=options)
    return best.x.reshape(start.shape).astype(np.float32)


def scaled(x: np.ndarray, by: np.ndarray) -> np.ndarray:
    """x standardised by the mean and deviation of `by`."""
    return (x - by.mean(0)) / (by.std(0) + 1e-3)


def score(logits: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """(class-mean accuracy, class-balanced cross-entropy)."""
    z = logits - logits.max(1, keepdims=True)
    nats = np.log(np.exp(z).sum(1)) - z[np.arange(len(y)), y]
    right = logits.argmax(1) == y
    present = np.unique(y)
    return (
        float(np.mean([right[y == c].mean() for c in present])),
        float(np.mean([nats[y == c].mean() for c in present])),
    )


def crossfit(x: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Logits [clips, classes] of heads not fitted on the clip, with the best weight decay."""
    logits = np.zeros((len(DECAYS), len(y), y.max() + 1), np.float32)
    for f in range(FOLDS):
        learn, rest = fold != f, fold == f
        a, b = scaled(x[learn], x[learn]), scaled(x[rest], x[learn])
        head = np.zeros((x.shape[1] + 1, y.max() + 1), np.float32)
        for d, decay in enumerate(DECAYS):
            head = fit(a, y[learn], decay, head)
            logits[d, rest] = b @ head[:-1] + head[-1]
        print(f"fold {f + 1} of {FOLDS} fitted", flush=True)
    scores = [score(one, y) for one in logits]
    for decay, (accuracy, nats) in zip(DECAYS, scores, strict=True):
        print(f"decay {decay:g}: cross-fitted class-mean {accuracy:.3f}, loss {nats:.3f}")
    best = min(range(len(DECAYS)), key=lambda d: scores[d][1])
    return logits[best]


def main() -> None:
    """Embeds the clips, fits the head and writes the logits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("yamnet", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument(
        "--recording", default=RECORDING, help="regular expression for the name of a recording"
    )
    args = parser.parse_args()
    args.teacher.mkdir(parents=True, exist_ok=True)
    yamnet = Yamnet(args.yamnet)

    folder = args.sounds / "train"
    files = listing(folder)
    kept = args.teacher / "embeddings.npy"
    if not kept.exists():
        np.save(kept, embed(yamnet, folder, files))
    x = np.load(kept)
    classes = sorted({name.split("/")[0] for name in files})
    y = np.array([classes.index(name.split("/")[0]) for name in files])

    logits = crossfit(x, y, folds(files, y, args.recording))
    (args.teacher / "files.txt").write_text("".join(f"{name}\n" for name in files))
    np.save(args.teacher / "logits.npy", logits.astype(np.float16)[:, :, None, None])
    right = logits.argmax(1) == y
    for c, name in enumerate(classes):
        print(f"{name:18} {right[y == c].mean():.2f} of {int((y == c).sum())}")


if __name__ == "__main__":
    main()
