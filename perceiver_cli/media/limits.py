"""How much of a file is ever read: what a loader refuses with "too_large", in one place.

Each is checked against what a file's header states, before anything of that size is allocated.

| what | limit | why |
|---|---|---|
| a picture's or frame's pixels | MAX_PIXELS | 179 million are 0.5 GB of RGB |
| a NumPy array | MAX_ARRAY_BYTES | 1 GiB |
| a shape's file, vertices and faces with it | MAX_SHAPE_BYTES | 1 GiB; clouds are thinned |
| an animation's frames | MAX_FRAMES | later ones are left out |
| a sound's rate | MAX_RATE | anything higher is damage |
| a decoding process, on Linux | MAX_WORKER_BYTES | address space, everything included |

Length is no limit: of long sounds and videos only the windows that a model reads are decoded.
"""

from __future__ import annotations

# It is also the size beyond which Pillow itself refuses to open a file.
MAX_PIXELS = 178_956_970

MAX_ARRAY_BYTES = 2**30

MAX_SHAPE_BYTES = 2**30

MAX_FRAMES = 10_000

# Samples a second.
MAX_RATE = 10_000_000

# Room for the largest picture in several copies (transparency, 16 bits) beside the libraries.
MAX_WORKER_BYTES = 6 * 2**30
