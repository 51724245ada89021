"""Labelled folders, decoded once into memory-mapped arrays."""
