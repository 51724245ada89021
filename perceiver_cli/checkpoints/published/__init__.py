"""DeepMind's published classifiers: read from their files, fetched from where they are."""
