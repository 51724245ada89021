"""Weights on disk: one self-describing file each, and the list of those that are at hand."""
