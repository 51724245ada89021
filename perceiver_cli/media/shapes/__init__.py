"""Readers of 3D formats: a binary stream -> Shape. Positions and faces alone are read."""
