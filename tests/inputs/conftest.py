"""Servers on loopback for the tests of names."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from perceiver_cli.inputs import filesystems, network_errors
from tests.inputs.servers import S3Server, WebServer


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    """Tries again at once; no file system of another test is used again."""
    monkeypatch.setattr(network_errors, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(filesystems, "opened", {})


@pytest.fixture
def web() -> Iterator[WebServer]:
    pytest.importorskip("aiohttp", reason="HTTP needs aiohttp")
    server = WebServer()
    yield server
    server.close()


@pytest.fixture
def s3(monkeypatch) -> Iterator[S3Server]:
    """An S3 server with an empty bucket "media"; the environment points to it."""
    pytest.importorskip("moto", reason="the S3 server is moto's")
    pytest.importorskip("flask", reason="moto's server needs flask")
    s3fs = pytest.importorskip("s3fs", reason="S3 needs s3fs")
    server = S3Server()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    urllib.request.urlopen(f"{server.url}/moto-api/reset", b"").close()
    s3fs.S3FileSystem().mkdir("media")
    yield server
    s3fs.S3FileSystem.clear_instance_cache()
    server.close()
