"""Settings of the command's process. The Python API does not change those of its host."""

from __future__ import annotations

import os


def set_environment() -> None:
    """Sets the number of threads and how they wait, before numerical libraries are imported."""
    from perceiver_cli.processor import thread_settings

    os.environ.update(thread_settings(os.environ))


def set_up(threads: int | None = None, *, training: bool = False) -> None:
    """Makes the allocator keep freed memory for reuse, before a model is built.

    threads: number of torch's threads; None: its default. training: keeps large arrays too.
    """
    from perceiver_cli.inference.allocator import keep_freed_memory

    keep_freed_memory(large=training)
    if threads:
        import torch

        torch.set_num_threads(threads)
