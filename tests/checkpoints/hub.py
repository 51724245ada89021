"""A small server on loopback with the part of the hub's protocol that downloads need."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """files: "owner/name/file" -> content. What the server is to do wrong, and what it was asked.

    cut_at: the first answer to a GET of weights ends there; refuse_rest: later ones are refused.
    stated: hashes to state instead of the true ones. ranges: every Range that was asked for.
    """

    files: dict[str, bytes]
    url: str = ""
    cut_at: int | None = None
    refuse_rest: bool = False
    stated: dict[str, str] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """The server, running while the block does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            hub.tokens.add(self.headers.get("Authorization"))
            name = self.path.strip("/").replace("resolve/main/", "")
            name = name.replace(f"resolve/{COMMIT}/", "")
            content = hub.files.get(name)
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if body and hub.refuse_rest and name in hub.gets:
                self.send_error(403)
                return
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            digest = hub.stated.get(name) or hashlib.sha256(content).hexdigest()
            self.send_header("ETag", f'"{digest}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Content-Length", str(len(content) - start))
            if asked:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            if not body:
                return
            first = name not in hub.gets
            hub.gets.append(name)
            if asked:
                hub.ranges.append(asked)
            if first and hub.cut_at is not None and not name.endswith(".json"):
                self.wfile.write(content[start : hub.cut_at])
                self.close_connection = True
                return
            self.wfile.write(content[start:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def repository(name: str, folder: Path) -> dict[str, bytes]:
    """Serves the files of a folder as a repository."""
    return {f"{name}/{path.name}": path.read_bytes() for path in folder.iterdir()}
