"""Random changes of training batches that keep their labels, one class per modality.

All randomness comes from torch's generator.
"""
