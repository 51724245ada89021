"""Logits for rendered clips, of the teachers of the picture weights and of the sound weights.

    python teach_clips.py pictures/ sounds/ clips/ teacher/ teacher_windows/ teacher_clips/

The clips are those of pair_clips.py, called with the same --train and --photos; teacher/ is that of
teach_pictures.py or teach_photos.py, teacher_windows/ that of teach_sounds_efficientat.py. A kind's
logit is the log-sum-exp over its picture or sound classes; of a sound, in the window that is
nearest to the clip's. Writes TARGET/files.txt (paths below clips/train), TARGET/logits.npy and
TARGET/audio_logits.npy (float16 [clips, kinds, 1, 1]).
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import soundfile
from pair_clips import first_sample, jobs
from teach_sounds_efficientat import HOP, WINDOWS

EVERYDAY = json.loads(Path(__file__).with_name("everyday.json").read_text())
KINDS = sorted(EVERYDAY, key=lambda kind: kind.replace(" ", "_"))


class Known:
    """A teacher's logits, for files by `<class>/<name>`."""

    def __init__(self, folder: Path, stream: str) -> None:
        lines = (folder / "files.txt").read_text().splitlines()
        self.row_of = {line: row for row, line in enumerate(lines)}
        self.logits = np.load(folder / "logits.npy", mmap_mode="r")
        names = sorted({line.split("/")[0] for line in lines})
        self.members = [[names.index(name) for name in EVERYDAY[kind][stream]] for kind in KINDS]

    def of(self, file: Path) -> np.ndarray:
        """float32 [classes, h, w] of one file."""
        return self.logits[self.row_of[f"{file.parent.name}/{file.name}"]].astype(np.float32)

    def kinds(self, logits: np.ndarray) -> np.ndarray:
        """Logits of classes [classes, ...] -> of kinds [kinds, ...]."""
        return np.array([np.logaddexp.reduce(logits[own]) for own in self.members])


def main() -> None:
    """Writes both teachers' logits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("pictures", "sounds", "clips", "teacher", "teacher_windows", "target"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--train", type=int, default=900)
    call = parser.parse_args()
    seen, heard = Known(call.teacher, "pictures"), Known(call.teacher_windows, "sounds")

    made = jobs(call.pictures, call.sounds, call.clips, "train", call.train, call.photos)
    of_pictures, of_sounds = [], []
    for picture, sound, _, seed in made:
        of_pictures.append(seen.kinds(seen.of(picture).mean((1, 2))))
        window = round(first_sample(random.Random(seed), soundfile.info(sound).frames) / HOP)
        of_sounds.append(heard.kinds(heard.of(sound)[:, 0, min(window, WINDOWS - 1)]))

    call.target.mkdir(parents=True, exist_ok=True)
    below = call.clips / "train"
    paths = [clip.relative_to(below).as_posix() for _, _, clip, _ in made]
    (call.target / "files.txt").write_text("".join(f"{path}\n" for path in paths))
    ids = [kind.replace(" ", "_") for kind in KINDS]
    truth = [ids.index(clip.parent.name) for _, _, clip, _ in made]
    for name, rows in (("logits", of_pictures), ("audio_logits", of_sounds)):
        found = np.stack(rows)
        np.save(call.target / f"{name}.npy", found[:, :, None, None].astype(np.float16))
        print(f"{name}: {len(made)} clips, accuracy {np.mean(found.argmax(1) == truth):.1%}")


if __name__ == "__main__":
    main()
