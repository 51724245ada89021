"""The options that recipes of whole trainings have in common."""

import argparse

import torch


def parse_training_call(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Adds the common options, reads the call, and sets the number of threads.

    Args:
        parser: Has the recipe's own options.

    Returns:
        The call, with `steps` or `minutes`.
    """
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int)
    call = parser.parse_args()
    if call.steps is None and call.minutes is None:
        parser.error("--steps or --minutes is required")
    if call.threads:
        torch.set_num_threads(call.threads)
    return call
