"""Arranges ModelNet40 as DIR/{train,test}/<class>/*.npy, which `perceiver train` reads.

    python arrange_modelnet40.py ModelNet40/ shapes/

The source has ModelNet40/<class>/{train,test}/*.npy: float32 [1024, 3], z up. Links, no copies.
"""

import argparse
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("source", type=Path)
parser.add_argument("target", type=Path)
call = parser.parse_args()

for folder in sorted(call.source.glob("*/*")):
    if folder.name in ("train", "test"):
        link = call.target / folder.name / folder.parent.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder.resolve(), target_is_directory=True)
