"""A corpus of hostile files: seeded mutations of valid ones, and files made by hand to harm.

python -m tests.benchmarks.hostile_corpus
"""
