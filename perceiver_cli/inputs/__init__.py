"""Turns arguments into sources: paths, folders, patterns, lists, filters, URLs, archives."""
