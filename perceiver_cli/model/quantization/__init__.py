"""What inference makes of a model's weights: lower precisions and faster layouts.

The modules of perceiver_cli.model know nothing of this. `precision` picks what to compute in,
`replace` says which layer becomes what, `layers` has the modules that take their place, and
`kernels` is the only place where torch's private operations are called.
"""
