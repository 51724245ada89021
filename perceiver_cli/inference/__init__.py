"""Classification of files: the Classifier, its scheduler, engines and decoding processes.

Imports no torch by itself: decoding processes import inference.decoding.
"""
