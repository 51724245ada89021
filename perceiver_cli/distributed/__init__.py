"""Classification on a Ray cluster.

from perceiver_cli.distributed import classify
classify(["s3://bucket/holiday/"], "labels/", ray="auto")
"""

from perceiver_cli.distributed.run import Summary, classify

__all__ = ["Summary", "classify"]
