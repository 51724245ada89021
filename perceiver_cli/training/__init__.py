"""Training of a checkpoint on a labelled folder, and its evaluation."""
