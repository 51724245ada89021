"""Classification on a Ray cluster.

from perceiver_cli.distributed import classify
classify(["s3://bucket/holiday/"], "labels/", ray="auto")
"""

from perceiver_cli.distributed.run import classify
from perceiver_cli.report.run_counts import RunCounts

__all__ = ["RunCounts", "classify"]
