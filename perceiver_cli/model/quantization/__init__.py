"""Quantization and weight packing for inference.

The modules of perceiver_cli.model do not depend on it. `precision` picks the precision,
`replacement` picks the replacement of each layer, `layers` and `int8` have the replacements, and
only `kernels` calls torch's private operations.
"""
