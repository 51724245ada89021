"""Corruptions that occur in everyday files, under which accuracy is measured.

A corruption takes the result of a loader and a random generator, and returns a changed result of
the same type; the label stays correct. Each modality lists its own in the table of modalities.
"""
