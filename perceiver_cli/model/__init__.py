"""The network: pure tensors, no files."""
