"""What everyday files do to their content: corruptions under which accuracy is measured.

A corruption takes what a loader gives and a random generator, and gives the same kind of thing; the
label stays true. Each modality names its own in the table of modalities.
"""
