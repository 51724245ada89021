"""Objects over HTTP and from S3: traffic, faults and refusals."""

import json
import shutil
import time

import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.decoders import FetchingDecoder, InProcessDecoder
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inputs import http, remote
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.inputs.paths import find_inputs
from perceiver_cli.media.source import Source
from tests.samples import make_av, make_picture


def read(name: str) -> bytes:
    return named_source(name).fetched().open().read()


@pytest.fixture
def small_blocks(monkeypatch):
    """Anything above 1000 bytes counts as large."""
    monkeypatch.setattr(remote, "WHOLE_BYTES", 1000)


def test_a_small_file_comes_in_one_request(web):
    web.files["/a.jpg"] = b"content"
    assert read(f"{web.url}/a.jpg") == b"content"
    assert web.traffic.methods == {"HEAD": 1, "GET": 1}


def test_a_large_file_comes_by_ranges_and_once_for_all_streams(web, small_blocks):
    content = bytes(range(256)) * 4096
    web.files["/a.bin"] = content
    source = named_source(f"{web.url}/a.bin").fetched()
    for _ in range(3):
        with source.open() as stream:
            stream.seek(500_000)
            assert stream.read(1000) == content[500_000:501_000]
    assert web.traffic.methods["GET"] == 1
    deadline = time.monotonic() + 10  # the server counts after it has sent
    while web.traffic.sent < remote.BLOCK and time.monotonic() < deadline:
        time.sleep(0.01)
    assert web.traffic.sent == remote.BLOCK
    assert source.open().read() == content
    assert web.traffic.sent <= len(content)


@pytest.mark.parametrize("fault", [503, 429, "cut"])
def test_what_may_pass_is_tried_again(web, small_blocks, fault):
    web.files |= {"/small": b"x" * 900, "/large": b"y" * 200_000}
    web.faults |= {"/small": [fault, fault], "/large": [fault, fault]}
    assert read(f"{web.url}/small") == web.files["/small"]
    assert read(f"{web.url}/large") == web.files["/large"]


@pytest.mark.parametrize(
    ("status", "says"),
    [(404, "not found"), (403, "access denied"), (503, "the server answers 503")],
)
def test_what_does_not_pass_is_told(web, status, says):
    web.files["/a"] = b"x"
    web.refused["/a"] = status
    with pytest.raises(InputError, match=says) as failure:
        read(f"{web.url}/a?sig=secret")
    assert failure.value.kind == "unreadable"
    assert "secret" not in f"{failure.value.message}{failure.value.detail}"


def test_no_server(web):
    web.close()
    with pytest.raises(InputError, match="cannot be read"):
        read(f"{web.url}/a")


def test_a_file_that_changes_while_it_is_read_fails(web, small_blocks, media, weights):
    content = media["image"].read_bytes()
    web.files["/a.jpg"] = content
    decoder = FetchingDecoder(InProcessDecoder(Preparer(dict(weights))), 1)
    source = named_source(f"{web.url}/a.jpg")
    assert decoder.prepare(source).detection.modality == "image"
    web.faults["/a.jpg"] = [lambda: web.files.update({"/a.jpg": content + b"more"})]
    error = decoder.prepare(source).error
    assert (error.kind, error.message) == ("unreadable", "changed while it was read")


def test_a_report_fetches_a_file_once(web, run, bundle, tmp_path):
    records, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    web.files["/a.png"] = make_picture(tmp_path / "a.png").read_bytes()
    assert run("classify", f"{web.url}/a.png", "-o", records).exit_code == 0
    web.traffic.methods.clear()
    assert "without a picture" not in run("report", records, "-o", page).stderr
    assert web.traffic.methods["GET"] == 1
    web.files.clear()
    outcome = run("report", records, "-o", page)
    assert outcome.exit_code == 0
    assert "1 file without a picture" in outcome.stderr


def test_a_redirect_to_a_local_address_is_not_followed(web, monkeypatch):
    web.files["/a"] = b"inside"
    web.faults["/b"] = [f"{web.url}/a"] * 9
    assert read(f"{web.url}/a") == b"inside"
    web.files["/b"] = b""
    # As if the first server were elsewhere.
    real, hosts = http.is_local, []

    async def is_local(host):
        hosts.append(host)
        return await real(host) if len(hosts) % 2 else False

    monkeypatch.setattr(http, "is_local", is_local)
    web.files["/b"] = b"x" * 10
    with pytest.raises(InputError, match="local address"):
        read(f"{web.url}/b")


def test_a_film_costs_a_part_of_its_bytes(web, weights, tmp_path, monkeypatch):
    film = make_av(tmp_path / "film.mp4", 2.0)
    # A film whose sample data is far longer than what is read of it.
    content = film.read_bytes()
    free = (len(bytes(8_000_000)) + 8).to_bytes(4, "big") + b"free" + bytes(8_000_000)
    web.files["/film.mp4"] = content + free
    monkeypatch.setattr(remote, "WHOLE_BYTES", 2**20)
    decoder = FetchingDecoder(InProcessDecoder(Preparer(dict(weights))), 1)
    remote_item = decoder.prepare(named_source(f"{web.url}/film.mp4"))
    local_item = decoder.prepare(Source(str(film)))
    assert remote_item.facts == local_item.facts
    assert web.traffic.sent < len(web.files["/film.mp4"]) / 4


def test_s3_folders_patterns_and_lists(s3, tmp_path):
    import s3fs

    fs = s3fs.S3FileSystem()
    for name in ("b.jpg", "a.jpg", "sub/c.jpg", ".hidden.jpg", "sub/d.txt"):
        fs.pipe_file(f"media/top/{name}", name.encode())

    def found(*names: str, **options) -> list[str]:
        inputs = find_inputs(names, file_filter=FileFilter(**options))
        return [i.source.path.removeprefix("s3://media/top/") for i in inputs]

    assert found("s3://media/top") == ["a.jpg", "b.jpg"]
    assert found("s3://media/top/", recursive=True) == ["a.jpg", "b.jpg", "sub/c.jpg", "sub/d.txt"]
    assert found("s3://media", recursive=True, include=("*.jpg",)) == [
        "a.jpg", "b.jpg", "sub/c.jpg",
    ]  # fmt: skip
    assert found("s3://media/top/*.jpg") == [".hidden.jpg", "a.jpg", "b.jpg"]
    assert found("s3://media/top/a.jpg", "s3://media/nothing") == ["a.jpg", "s3://media/nothing"]
    names = tmp_path / "names"
    names.write_text("s3://media/top/sub/\ns3://media/top/b.jpg\n")
    inputs = list(find_inputs([], files_from=str(names)))
    assert [i.source.path.rpartition("/")[2] for i in inputs] == ["c.jpg", "d.txt", "b.jpg"]
    assert [read(i.source.path) for i in inputs] == [b"sub/c.jpg", b"sub/d.txt", b"b.jpg"]


def test_s3_says_what_is_wrong(s3):
    for name, says in (
        ("s3://media/nothing.jpg", "not found"),
        ("s3://nobody/nothing.jpg", "not found"),
        ("s3://private/a.jpg", "access denied"),
    ):
        with pytest.raises(InputError, match=says):
            read(name)
    (failed,) = find_inputs(["s3://private/"])
    assert failed.source.error.message.endswith("(access denied)")


def test_a_folder_in_s3_gives_the_records_of_the_files(s3, run, bundle, media, tmp_path):
    import s3fs

    fs = s3fs.S3FileSystem()
    folder = tmp_path / "top"
    folder.mkdir()
    for path in media.values():
        shutil.copy(path, folder)
        fs.put_file(str(path), f"media/top/{path.name}")
    s3.traffic.methods.clear()
    s3.traffic.wait_s = 0.03
    outcome = run("classify", "s3://media/top", "--resume", tmp_path / "j.jsonl")
    assert outcome.exit_code == 0, outcome.stderr
    # One listing with sizes and ETags; each file once.
    assert s3.traffic.methods["GET"] <= len(media) + 2
    assert s3.traffic.methods["HEAD"] <= 1
    there = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    here = run("classify", folder, "--format", "jsonl").stdout.splitlines()
    for a, b in zip(there, map(json.loads, here), strict=True):
        assert a["predictions"] == b["predictions"]
    assert {"size", "version"} == set(there[0]["file"])
    fs.pipe_file("media/top/photo.jpg", media["image"].read_bytes() + b"\0")
    outcome = run("classify", "s3://media/top", "--resume", tmp_path / "j.jsonl")
    assert "4 inputs were done before" in outcome.stderr
