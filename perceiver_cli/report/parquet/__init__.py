"""Results as a folder of Parquet files: one schema for all modalities, errors as rows."""
