"""A folder of parts, on disk or in a bucket: one file of many rows each."""
