"""One run on a cluster: list, decode, predict, write."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable
from typing import Unpack

from perceiver_cli.checkpoints.digest import run_fingerprint
from perceiver_cli.choices import TIMEOUT_S
from perceiver_cli.distributed.chunks import CHUNK_INPUTS, chunks
from perceiver_cli.distributed.cluster import Resources, connected
from perceiver_cli.distributed.stages import Decode, Predict, PredictArguments, Write
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.settings import ClassifierSettings
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.paths import Input, find_inputs
from perceiver_cli.preparation.base import ReadOptions
from perceiver_cli.report.done import DoneIndex
from perceiver_cli.report.parts.folder import PartFolder, run_name
from perceiver_cli.report.parts.store import store_at
from perceiver_cli.report.run_counts import RunCounts


def classify(
    paths: Iterable[str],
    output: str | os.PathLike[str],
    *,
    ray: str = "auto",
    format: str = "parquet",
    file_filter: FileFilter | None = None,
    timeout: float = TIMEOUT_S,
    attention: bool = False,
    chunk_inputs: int = CHUNK_INPUTS,
    on_progress: Callable[[RunCounts], None] | None = None,
    **settings: Unpack[ClassifierSettings],
) -> RunCounts:
    """Classifies files on a Ray cluster. After an interruption, the same call continues.

    Args:
        paths: Files, folders, patterns, URLs or archives, as for the command.
        output: A folder that all machines can access, or a URL such as s3://bucket/labels.
        ray: "auto" (a cluster that runs on this machine), "local" (one is started for this call)
            or HOST:PORT.
        format: "parquet" or "jsonl".
        file_filter: Which files of folders and members of archives are taken.
        timeout: Seconds for decoding one file; 0 is no limit.
        attention: Whether results carry attention statistics.
        chunk_inputs: Inputs in one task, and in one part of the output.
        on_progress: Called regularly with the current counts.
        settings: The Classifier's: model, modality, top, min_score, precision, ...

    Returns:
        The counts.

    Raises:
        UsageError: Ray or the output cannot be used, or the cluster is too small.
        CheckpointError: Weights are missing.
    """
    file_filter = file_filter or FileFilter()
    inputs = find_inputs(paths, file_filter=file_filter, open_archives=False)
    return run(
        inputs,
        PartFolder(store_at(os.fspath(output)), format),
        ray,
        file_filter=file_filter,
        timeout=timeout,
        attention=attention,
        chunk_inputs=chunk_inputs,
        on_progress=on_progress,
        settings=settings,
    )


def run(
    inputs: Iterable[Input],
    output: PartFolder,
    address: str,
    *,
    file_filter: FileFilter,
    timeout: float,
    attention: bool,
    chunk_inputs: int = CHUNK_INPUTS,
    on_progress: Callable[[RunCounts], None] | None = None,
    settings: ClassifierSettings,
) -> RunCounts:
    """Classifies inputs that have been found, archives unopened.

    Args:
        inputs: The inputs.
        output: The folder of the results.
        address: The argument `ray` of classify.
        file_filter: Which members of archives are taken.
        timeout: Seconds for decoding one file; 0 is no limit.
        attention: Whether results carry attention statistics.
        chunk_inputs: Inputs in one task, and in one part of the output.
        on_progress: Called regularly with the current counts.
        settings: The Classifier's.

    Returns:
        The counts.

    Raises:
        UsageError: Ray or the output cannot be used, or the cluster is too small.
        CheckpointError: Weights are missing.
    """
    model, modality = settings.get("model"), settings.get("modality", "auto")
    strict = settings.get("strict", False)
    read_options = ReadOptions(
        timeline=settings.get("timeline", False), windows=settings.get("windows")
    )
    options = {"attention": attention, **settings, "modality": modality, "strict": strict}
    with connected(address) as resources:
        output.prepare(run_fingerprint(model, options))
        done = DoneIndex()
        output.read_done(done)
        counts = RunCounts(done_before=len(done), failed_before=done.failed)
        to_do = chunks(inputs, run_name(), done, chunk_inputs)
        rows = [pickle.dumps(chunk, protocol=5) for chunk in to_do]
        if rows:
            output.mark_incomplete()
            decode = Decode(model, modality, strict, read_options, timeout, file_filter)
            on_each: ClassifierSettings = {
                **settings,
                "device": "cuda" if resources.gpus else "cpu",
                "threads": 1,
            }
            predict = PredictArguments(settings=on_each, attention=attention, format=output.format)
            _execute(rows, decode, predict, Write(output), resources, counts, on_progress)
            output.drop_replaced()
        output.mark_complete()
    return counts


def _execute(
    rows: list[bytes],
    decode: Decode,
    predict: PredictArguments,
    write: Write,
    resources: Resources,
    counts: RunCounts,
    on_progress: Callable[[RunCounts], None] | None,
) -> None:
    """Runs the stages, and counts in `counts`."""
    import ray.data
    from ray.data.exceptions import ExecutionTimeoutError
    from ray.exceptions import RayError

    gpus = 1 if resources.gpus else 0
    # At least one actor, so that a lost node does not stop the others.
    pool = ray.data.ActorPoolStrategy(
        min_size=1, max_size=resources.actors, initial_size=resources.actors
    )
    # One chunk per block, because blocks are retried.
    data = ray.data.from_items([{"chunk": row} for row in rows], override_num_blocks=len(rows))
    # Only models reserve CPUs: after the loss of a machine, models may occupy all that are left,
    # and decoding and writing must not wait for one.
    data = data.map_batches(
        decode,
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.TaskPoolStrategy(size=resources.decoders),
        num_cpus=0,
    )
    data = data.map_batches(
        Predict,
        fn_constructor_kwargs=predict,
        batch_size=None,
        batch_format="pyarrow",
        compute=pool,
        num_cpus=0 if gpus else 1,
        num_gpus=gpus or None,
    )
    data = data.map_batches(write, batch_size=None, batch_format="pyarrow", num_cpus=0)
    try:
        for chunk in data.iter_rows():
            counts.classified += int(chunk["classified"])
            counts.failed += int(chunk["failed"])
            counts.passed_over += int(chunk["passed_over"])
            if on_progress:
                on_progress(counts)
    except (RayError, ExecutionTimeoutError) as error:
        cause = getattr(error, "cause", None) or error
        said = [*str(cause).strip().splitlines(), type(cause).__name__][0]
        raise UsageError(
            f"the cluster gave up ({said[:200]}); run the same command again to continue"
        ) from None
