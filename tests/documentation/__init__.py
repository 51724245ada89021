"""The README and docs/: their commands run, their output and help pages are what is printed."""
