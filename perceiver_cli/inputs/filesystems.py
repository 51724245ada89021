"""fsspec's file systems, one for each server, shared by all threads of a process."""

from __future__ import annotations

import threading
from typing import Any

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.names import scheme_of

# Schemes that read files other than the named one, or run commands.
_REFUSED = frozenset(("reference", "cached", "filecache", "blockcache", "simplecache", "generic"))

_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}

_lock = threading.Lock()
# (scheme, options) -> the file system that all threads share.
opened: dict[tuple[str, str], Any] = {}


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path on it.

    Raises:
        InputError: "unsupported" for an unknown scheme, "missing_library" if its package is not
            installed.
    """
    import fsspec

    scheme = scheme_of(url)
    if scheme in ("tar", "zip") and "::" not in url:
        raise InputError(
            "unsupported", f"name a member of an archive as {scheme}://MEMBER::ARCHIVE"
        )
    try:
        if scheme in _REFUSED or "::" in url.partition("://")[2]:
            raise ValueError
        kind: Any = fsspec.get_filesystem_class(scheme)
    except ValueError:
        raise InputError("unsupported", f"unsupported URL scheme {scheme}://") from None
    except ImportError:
        package = _PACKAGES.get(scheme)
        way = f" (pip install {package})" if package else ""
        needed = package or "a Python package that is not installed"
        raise InputError("missing_library", f"{scheme}:// requires {needed}{way}") from None
    options = kind._get_kwargs_from_urls(url)
    with _lock:
        key = (scheme, repr(sorted(options.items())))
        if key not in opened:
            if scheme in ("http", "https"):
                from perceiver_cli.inputs.http import client

                options |= {"get_client": client}
            elif _PACKAGES.get(scheme) == "s3fs":
                options |= {"max_concurrency": 1}  # otherwise the size of every object is requested
            # Listings are not cached, because objects change while a process runs.
            opened[key] = kind(use_listings_cache=False, **options)
        return opened[key], kind._strip_protocol(url)
