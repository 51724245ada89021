"""The README and docs/: their commands run, and their outputs and help pages are current."""
