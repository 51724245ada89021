"""What a command sets for its own process. The Python API leaves its host's process as it is."""

from __future__ import annotations

import os


def set_environment() -> None:
    """Before anything is imported that computes: how many threads there are, how they wait."""
    from perceiver_cli.processor import thread_settings

    os.environ.update(thread_settings(os.environ))


def set_up(threads: int | None = None, *, training: bool = False) -> None:
    """Before a model is built: memory that is freed is kept for what comes next.

    threads: as many as torch uses; None leaves its default. training: keeps large arrays too.
    """
    from perceiver_cli.inference.allocator import keep_freed_memory

    keep_freed_memory(large=training)
    if threads:
        import torch

        torch.set_num_threads(threads)
