"""Classifies the whole hostile corpus with the real command, and counts the outcomes.

    python -m tests.benchmarks.hostile_corpus --each 30 --seed 0

Wanted: one record for each file, in order, none of kind "timeout", "internal" or
"missing_library", no crashed decoder, and on stderr nothing but one line for each failure and note.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.benchmarks.tiny import make_bundle, start
from tests.corpus.generate import write_corpus

_FAULTS = ("timeout", "internal", "missing_library")


def main() -> None:
    """Prints the counts and suspicious files; the exit code is 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--each", type=int, default=30, help="mutations of every kind of file")
    parser.add_argument("--kinds", nargs="*", default=(), help="of tests/corpus/valid.py, not all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", default="30", help="seconds for a file")
    parser.add_argument("--keep", type=Path, help="an empty folder to keep the corpus in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place, "corpus")
        folder.mkdir(exist_ok=True)
        paths = [str(p) for p in write_corpus(folder, options.each, options.seed, options.kinds)]
        names = Path(place, "names")
        names.write_text("\0".join(paths))
        run = start(
            make_bundle(Path(place, "weights")),
            *("classify", "--files-from", str(names), "-0", "--format", "jsonl"),
            *("--no-attention", "--timeout", options.timeout),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, told = run.communicate()
    records = [json.loads(line) for line in output.splitlines()]
    failures = [r for r in records if r["status"] != "ok"]
    counts = Counter(r["error"]["kind"] if r["error"] else "ok" for r in records)
    problems = [r for r in failures if r["error"]["kind"] in _FAULTS or _crashed(r)]
    print(f"files {len(paths)}, records {len(records)}, exit code {run.returncode}")
    print(", ".join(f"{kind} {number}" for kind, number in counts.most_common()))
    print(f"of those that were classified, with a note: {sum(bool(r['notes']) for r in records)}")
    for record in problems:
        print(f"{Path(record['path']).name}: {record['error']['message']}")
    in_order = [r["path"] for r in records] == paths
    noted = sum(len(r["notes"] or ()) for r in records)
    quiet = len(told.splitlines()) == len(failures) + noted
    print(f"in order: {in_order}; one line on stderr for each failure and note: {quiet}")
    if not quiet:
        print(*(line for line in told.splitlines() if not line.startswith("perceiver: ")), sep="\n")
    sys.exit(bool(problems) or not (in_order and quiet))


def _crashed(record: dict) -> bool:
    return "decoder" in record["error"]["message"]


if __name__ == "__main__":
    main()
