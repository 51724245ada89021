"""Random changes of training batches that keep their labels."""
