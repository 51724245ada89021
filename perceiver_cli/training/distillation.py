"""Knowledge distillation from a teacher's logits on a coarse grid over each training file.

As in ReLabel (Yun et al. 2021): the teacher reads each whole picture once; the soft target of a
crop is the softmax of the logits' mean over the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perceiver_cli.errors import UsageError
from perceiver_cli.training.data.folder import LabelledFolder

_FILES = {
    "teacher": "logits.npy",
    "teacher_features": "features.npy",
    "teacher_audio": "audio_logits.npy",
}


@dataclass(frozen=True)
class Teacher:
    """A teacher's outputs for the training files.

    Attributes:
        outputs: "teacher": logits, float16 [rows, classes, h, w], memory-mapped. If given,
            "teacher_features": the inputs of its last layer, float16 [rows, F, h, w], and
            "teacher_audio": logits of another teacher for the sound of a video, like the first.
        rows: int [training files], the row of each.
    """

    outputs: dict[str, np.ndarray]
    rows: np.ndarray


def read_teacher(path: Path, folder: LabelledFolder) -> Teacher:
    """Reads a teacher's outputs.

    Args:
        path: A folder with files.txt (CLASS/NAME per line), logits.npy (a row per line) and
            perhaps features.npy and audio_logits.npy (a row per line).
        folder: The training files. Its classes are those of the logits, in order.

    Returns:
        The outputs, memory-mapped, and the row of each training file.

    Raises:
        UsageError: The outputs cannot be read, their shapes do not fit, or a file is missing.
    """
    try:
        lines = (path / "files.txt").read_text(encoding="utf-8").splitlines()
        outputs = {
            name: np.load(path / file, mmap_mode="r", allow_pickle=False)
            for name, file in _FILES.items()
            if name == "teacher" or (path / file).exists()
        }
    except OSError as error:
        name = Path(error.filename).name if error.filename else path
        raise UsageError(f"--teacher {path}: {name}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--teacher {path}: files.txt: not text in UTF-8") from None
    except (EOFError, ValueError):
        raise UsageError(f"--teacher {path}: an .npy file is no NumPy array or damaged") from None
    classes = len(folder.labels)
    for name, array in outputs.items():
        any_width = name == "teacher_features"
        fits = array.ndim == 4 and len(array) == len(lines)
        if not (fits and (any_width or array.shape[1] == classes)):
            raise UsageError(
                f"{path}: {_FILES[name]} of shape {list(array.shape)} does not fit {len(lines)} "
                f"files and {classes} classes"
            )
    row_of = {line: row for row, line in enumerate(lines)}
    names = [f"{folder.labels[index].id}/{file.name}" for file, index in folder.files]
    if missing := [name for name in names if name not in row_of]:
        raise UsageError(f"{path}: {missing[0]} and {len(missing) - 1} other files are missing")
    return Teacher(outputs, np.array([row_of[name] for name in names]))
