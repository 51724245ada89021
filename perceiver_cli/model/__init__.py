"""The network, which works on tensors only."""
