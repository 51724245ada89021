"""From arguments to sources: paths, folders, patterns, lists, filters, URLs, archives."""
