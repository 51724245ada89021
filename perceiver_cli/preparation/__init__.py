"""From media to the arrays of fixed shape that a model reads: numpy alone, one input at a time.

Recipes, which checkpoints keep, are here too. Imports no torch: decoding processes run this, so
that what crosses to the model is small.
"""
