"""Downloads, checks and converts published weights from the hub."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from perceiver_cli.checkpoints import home
from perceiver_cli.checkpoints.digest import sha256
from perceiver_cli.checkpoints.format import save_checkpoint
from perceiver_cli.checkpoints.published.catalogue import Published
from perceiver_cli.checkpoints.published.convert import convert
from perceiver_cli.checkpoints.published.source import WEIGHTS
from perceiver_cli.errors import CheckpointError


def pull(entry: Published) -> Path:
    """Fetches a published classifier and converts it.

    Fetching is huggingface_hub's: its cache, which resumes a download that broke off, its
    environment variables and its tokens.

    Args:
        entry: The classifier.

    Returns:
        The converted file in the user's folder.

    Raises:
        CheckpointError: It cannot be downloaded, or its checksum is wrong. The message is one line.
    """
    weights = _fetch(entry)
    digest = _check(weights)
    path = home.pulled_path(entry.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = convert(weights, entry.name)
    origin = {
        "repository": entry.repository,
        "revision": weights.parent.name,
        "file": weights.name,
        "sha256": digest,
    }
    header = replace(checkpoint.header, card=checkpoint.header.card | {"origin": origin})
    save_checkpoint(path, replace(checkpoint, header=header))
    home.remember_digest(path, sha256(path))
    return path


def _fetch(entry: Published) -> Path:
    """config.json and the weights, side by side in the hub's cache; the path of the weights."""
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    huggingface_hub.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if not sys.stderr.isatty():
        disable_progress_bars()
    offline = _why_offline(entry)

    def fetch(name: str) -> Path:
        only_cached = offline is not None
        return Path(
            huggingface_hub.hf_hub_download(entry.repository, name, local_files_only=only_cached)
        )

    try:
        fetch("config.json")
        try:
            return fetch(WEIGHTS[0])
        except EntryNotFoundError:
            return fetch(WEIGHTS[1])
    except Exception as error:
        # A network fails in more ways than the library has exceptions for.
        raise CheckpointError(_unreachable(entry, offline or error)) from error


def _why_offline(entry: Published) -> Exception | None:
    """Why the hub cannot be reached. It is checked first, because a download tries for half a
    minute before it gives up.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        get_hf_file_metadata(hf_hub_url(entry.repository, "config.json"))
    except HfHubHTTPError:
        return None
    except Exception as error:
        return error
    return None


def _unreachable(entry: Published, error: Exception) -> str:
    from huggingface_hub import constants

    where = f"{constants.ENDPOINT}/{entry.repository}"
    reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _in_words(error)
    return (
        f"{entry.name}: could not be fetched from {where} ({reason}). Fetched by hand, "
        f"config.json and {WEIGHTS[-1]} in one folder are converted by: "
        f"perceiver models convert FOLDER -o {entry.name}.safetensors"
    )


def _in_words(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    words = " ".join(str(error).split()) or type(error).__name__
    return re.sub(r" ?\(Request ID.*?\)", "", words)[:160]


def _check(weights: Path) -> str:
    """The file's SHA-256, which must be that of the hub: the cache names files by it."""
    stored = weights.resolve()
    digest = sha256(stored)
    stated = stored.name
    if re.fullmatch(r"[0-9a-f]{64}", stated) and stated != digest:
        weights.unlink()
        stored.unlink(missing_ok=True)
        raise CheckpointError(
            f"{weights.name}: its SHA-256 is {digest[:16]}..., the hub states {stated[:16]}...; "
            "it was removed, pull it again"
        )
    return digest
