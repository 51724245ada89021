"""The HTTP client: refuses redirects from the network to local addresses."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

from perceiver_cli.inputs.network_errors import LocalAddressError

_CONNECT_S, _READ_S = 30, 60


async def client(**options: Any) -> Any:
    """A session of aiohttp, as fsspec's `get_client` makes one."""
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_check_redirect)
    options.pop("loop", None)
    return aiohttp.ClientSession(
        trace_configs=[trace],
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_S, sock_read=_READ_S),
        # A compressed transfer may be a decompression bomb, and has no ranges.
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        **options,
    )


async def _check_redirect(session: Any, context: Any, params: Any) -> None:
    from yarl import URL

    target = params.url.join(URL(params.response.headers.get("Location", "")))
    if target.host and await is_local(target.host) and not await is_local(params.url.host):
        raise LocalAddressError("redirects to a local address, which is not followed")


async def is_local(host: str) -> bool:
    """Whether any address of a host is one of this machine or of a private network.

    Args:
        host: Its name or address.
    """
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    addresses = {str(entry[4][0]).partition("%")[0] for entry in entries}
    return any(not ipaddress.ip_address(address).is_global for address in addresses)
