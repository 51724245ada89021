"""A corpus of hostile files: seeded mutations of valid ones, and malicious files made by hand.

python -m tests.benchmarks.hostile_corpus
"""
