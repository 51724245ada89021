"""From a labelled folder to a checkpoint, and how good it is."""
