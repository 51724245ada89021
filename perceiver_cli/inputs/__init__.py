"""What a call names: paths, folders, patterns, lists and filters."""
