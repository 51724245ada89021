"""Which elements of a file a prediction rests on, and whether that explanation is faithful."""
