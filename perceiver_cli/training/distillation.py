"""What another model says of the training files, place by place: soft targets for any crop.

After ReLabel (Yun et al. 2021): one pass of a teacher over whole pictures gives its logits on a
coarse grid; the target of a crop is the softmax of their mean over the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.errors import UsageError
from perceiver_cli.training.data.folder import LabelledFolder


@dataclass(frozen=True)
class Teacher:
    """logits: float16 [any number of files, classes, h, w], memory-mapped; rows: int [files of
    the training], which of them is a file's; features: float16 [files, F, h, w], what the teacher
    makes its answer of, if it is given.
    """

    logits: np.ndarray
    rows: np.ndarray
    features: np.ndarray | None = None

    def of(self, files: np.ndarray) -> dict[str, Tensor]:
        """Of some files of the training, by their numbers: "teacher", float32 [B, classes, h, w],
        and "teacher_features", float32 [B, F, h, w], if there are some.
        """
        rows = self.rows[files]
        arrays = {"teacher": torch.from_numpy(self.logits[rows].astype(np.float32))}
        if self.features is not None:
            found = self.features[rows].astype(np.float32)
            arrays["teacher_features"] = torch.from_numpy(found)
        return arrays


def read_teacher(place: Path, folder: LabelledFolder) -> Teacher:
    """Reads place/files.txt (CLASS/NAME in each line) and place/logits.npy, one row per line, and
    place/features.npy in the same way where there is one.

    The classes of the logits are those of the folder, in order. Raises UsageError if the two do
    not fit each other or a file of the folder is missing.
    """
    try:
        lines = (place / "files.txt").read_text(encoding="utf-8").splitlines()
        logits = np.load(place / "logits.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"{place}: no teacher to be read ({error})") from None
    if logits.ndim != 4 or logits.shape[:2] != (len(lines), len(folder.labels)):
        raise UsageError(
            f"{place}: logits of shape {list(logits.shape)} do not fit {len(lines)} files and "
            f"{len(folder.labels)} classes"
        )
    row_of = {line: row for row, line in enumerate(lines)}
    names = [f"{folder.labels[index].id}/{path.name}" for path, index in folder.files]
    if missing := [name for name in names if name not in row_of]:
        raise UsageError(f"{place}: says nothing of {missing[0]} and {len(missing) - 1} more files")
    features = None
    if (place / "features.npy").exists():
        features = np.load(place / "features.npy", mmap_mode="r", allow_pickle=False)
        if features.ndim != 4 or len(features) != len(lines):
            raise UsageError(
                f"{place}: features of shape {list(features.shape)} do not fit {len(lines)} files"
            )
    return Teacher(logits, np.array([row_of[name] for name in names]), features)
