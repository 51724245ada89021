"""Random changes of training batches that keep their labels, one class per modality.

Each takes batched arrays as the cache keeps them and soft targets [B, classes], and returns
features (as the adapter's `features`) and targets. Where the arrays hold "teacher", another
model's logits [B, classes, h, w], a share of each target (`taught`) is what it says. All
randomness comes from torch's generator.
"""
