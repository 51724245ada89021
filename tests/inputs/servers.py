"""Servers on loopback: HTTP with ranges and with every fault, and S3 by moto."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Traffic:
    """The requests: methods, and bytes of bodies sent."""

    methods: Counter = field(default_factory=Counter)
    sent: int = 0
    wait_s: float = 0.0
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, method: str) -> None:
        with self.lock:
            self.methods[method] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.wait_s)

    def end(self, sent: int) -> None:
        with self.lock:
            self.at_once -= 1
            self.sent += sent


class WebServer:
    """Serves `files` (path -> content).

    faults: path -> what happens first, one after another; refused: path -> status.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list] = {}
        self.refused: dict[str, int] = {}
        self.traffic = Traffic()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_HEAD(self):
                self.answer(body=False)

            def do_GET(self):
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                outer.traffic.begin(self.command)
                sent = 0
                try:
                    sent = self.reply(body)
                finally:
                    outer.traffic.end(sent)

            def reply(self, body: bool) -> int:
                path = self.path.partition("?")[0]
                if path in outer.refused:
                    return self.plain(outer.refused[path])
                queue = outer.faults.get(path, [])
                fault = queue.pop(0) if queue and body else None
                if callable(fault):
                    fault()
                if isinstance(fault, int):
                    return self.plain(fault)
                if isinstance(fault, str) and fault != "cut":
                    self.send_response(302)
                    self.send_header("Location", fault)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return 0
                if path not in outer.files:
                    return self.plain(404)
                content = outer.files[path]
                whole = len(content)
                wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if wanted:
                    start, end = int(wanted[1]), int(wanted[2] or whole - 1)
                    content = content[start : end + 1]
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{end}/{whole}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{hash(outer.files[path]):x}"')
                self.end_headers()
                if not body:
                    return 0
                if fault == "cut":
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                    return len(content) // 2
                self.wfile.write(content)
                return len(content)

            def plain(self, status: int) -> int:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return 0

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class S3Server:
    """moto's S3; the bucket "private" refuses everybody."""

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.traffic = Traffic()
        app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._counted(app), threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _counted(self, app: Callable) -> Callable:
        def answer(environ, start_response):
            self.traffic.begin(environ["REQUEST_METHOD"])
            sent = 0
            try:
                if environ["PATH_INFO"].startswith("/private"):
                    start_response("403 Forbidden", [("Content-Type", "application/xml")])
                    told = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
                    return [told] if environ["REQUEST_METHOD"] == "GET" else []
                parts = list(app(environ, start_response))
                sent = sum(map(len, parts)) if environ["REQUEST_METHOD"] == "GET" else 0
                return parts
            finally:
                self.traffic.end(sent)

        return answer

    def close(self) -> None:
        self._server.shutdown()
