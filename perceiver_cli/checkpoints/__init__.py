"""Weights on disk: self-describing checkpoint files, and the registry of their names."""
