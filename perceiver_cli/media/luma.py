"""The weights of red, green and blue in luma (ITU-R BT.601, as in JPEG)."""

from __future__ import annotations

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
