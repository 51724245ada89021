"""Converts media to the arrays of fixed shape that a model reads: numpy only, one input at a time.

Recipes, which checkpoints store, are here too. Imports no torch, because decoding processes run
this, so that the data sent to the model is small.
"""
