"""The connection to a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from perceiver_cli.errors import UsageError

# Number of attempts at a task on a machine that is temporarily unable to run it.
_TRIES = 3

# By default, Ray takes several minutes to notice that nothing answers.
_CONNECT_S = "20"


@dataclass(frozen=True)
class Resources:
    """The resources of a cluster.

    Attributes:
        cpus: Processor cores.
        gpus: GPUs.
        nodes: Machines.
    """

    cpus: int
    gpus: int
    nodes: int

    @property
    def actors(self) -> int:
        """Number of models: one per GPU, or three per four cores, leaving at least one core.

        Without a GPU the bundled models take about three times as long as decoding.
        """
        return self.gpus or max(1, min(self.cpus - 1, round(0.75 * self.cpus)))

    @property
    def decoders(self) -> int:
        """Number of concurrent decoding tasks: the number of cores that run no model."""
        return max(1, self.cpus if self.gpus else self.cpus - self.actors)


@contextmanager
def connected(address: str) -> Iterator[Resources]:
    """Connects to a cluster for a block.

    Args:
        address: "auto" (a cluster that runs on this machine), "local" (one is started for the
            block), or HOST:PORT.

    Raises:
        UsageError: Ray is not installed, the cluster does not answer, or it is too small.
    """
    ray = _import_ray()
    was_connected = ray.is_initialized()
    if not was_connected:
        _connect(ray, address)
    try:
        _quiet(ray)
        total: dict[str, Any] = ray.cluster_resources()
        alive = sum(bool(node["Alive"]) for node in ray.nodes())
        resources = Resources(int(total.get("CPU", 0)), int(total.get("GPU", 0)), alive)
        needed = 1 if resources.gpus else 2
        if resources.cpus < needed:
            raise UsageError(
                f"the cluster has {resources.cpus} CPUs, but decoding and the model need {needed}"
                if not resources.gpus
                else "the cluster has no CPU for decoding"
            )
        yield resources
    finally:
        if not was_connected:
            ray.shutdown()


def _import_ray() -> ModuleType:
    # These must be set before Ray is imported: no usage reports over the network, and no tokens
    # between its own processes unless the user wants them.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_gcs_rpc_server_connect_timeout_s", _CONNECT_S)
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError("--ray needs Ray: pip install 'perceiver-cli[ray]'") from None
    module: ModuleType = ray
    return module


def _connect(ray: ModuleType, address: str) -> None:
    options = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **options,
        )
    except (
        Exception
    ) as error:  # Ray also raises plain Exceptions, for example if a node starts slowly
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
        if address == "auto":
            reason = "none is running on this machine; start one with: ray start --head"
        raise UsageError(f"no Ray cluster at {address}: {reason[:200]}") from None


def _quiet(ray: ModuleType) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A machine may be short of memory for a while; files never raise.
    context.max_map_retries = _TRIES
    context.retried_map_errors = ["could not be started", "Cannot allocate memory"]
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
