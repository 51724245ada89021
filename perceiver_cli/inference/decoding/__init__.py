"""Detection, loading and preparation of one input, in this process or in a subprocess."""
