"""Measures the time of decoding and of the model per file on one core, for cluster_model.py.

    python -m tests.benchmarks.cluster_rates LIST

LIST names files, one a line. It prints one JSON object with milliseconds a file of processor time,
which other work on the machine changes little, and the bytes that go from decoding to the model.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections import defaultdict
from pathlib import Path

from perceiver_cli import Classifier
from perceiver_cli.inference.decoding.items import FailedItem
from perceiver_cli.inference.threads import use_threads
from perceiver_cli.media.source import Source

BATCH = 32


def main(list_of_files: str) -> None:
    """Prints the rates."""
    use_threads(1)
    paths = Path(list_of_files).read_text().splitlines()
    classifier = Classifier(threads=1, attention=False)
    for path in paths[:BATCH]:  # what is done once
        classifier.predict([classifier.prepare(Source(path))])
    spent: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    sent = 0
    for start in range(0, len(paths), BATCH):
        items = []
        for path in paths[start : start + BATCH]:
            begun = time.thread_time()
            item = classifier.prepare(Source(path))
            kind = "failed" if isinstance(item, FailedItem) else item.detection.modality
            spent[f"decode {kind}"] += time.thread_time() - begun
            counts[kind] += 1
            items.append(item)
        sent += len(pickle.dumps(items, protocol=5))
        begun = time.process_time()
        classifier.predict(items)
        spent["model"] += time.process_time() - begun
    decoding = sum(value for name, value in spent.items() if name != "model")
    result = {
        "files": dict(counts),
        "decode_ms": round(1000 * decoding / len(paths), 2),
        "model_ms": round(1000 * spent["model"] / len(paths), 2),
        "decode_ms_by_kind": {
            kind: round(1000 * spent[f"decode {kind}"] / count, 2) for kind, count in counts.items()
        },
        "bytes_between": round(sent / len(paths)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
