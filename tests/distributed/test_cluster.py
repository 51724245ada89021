"""`classify --ray` on a cluster that the test starts; skipped if Ray is not installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from perceiver_cli.report.run_counts import RunCounts

ray_is_here = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


@ray_is_here
def test_a_local_cluster_gives_the_records_of_a_single_process(media, tmp_path):
    inputs = list(map(str, media.values()))
    env = os.environ | {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "perceiver_cli", "classify", *inputs, "--jsonl"]
    out = tmp_path / "out"
    done = subprocess.run(
        [*command, "--ray", "local", "-o", str(out)],
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    there = {
        record["path"]: record
        for part in out.glob("part-*.jsonl")
        for record in map(json.loads, part.read_text().splitlines())
    }
    here = subprocess.run([*command, "--no-attention"], env=env, capture_output=True, check=True)
    records = list(map(json.loads, here.stdout.splitlines()))
    assert len(there) == len(records)
    for record in records:
        labels = [prediction["label"] for prediction in there[record["path"]]["predictions"]]
        assert labels == [prediction["label"] for prediction in record["predictions"]]
    assert (out / "_SUCCESS").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "-o DIR"),
        (("-o", "out", "--format", "csv"), "parquet or jsonl"),
        (("-o", "out", "--resume", "j.jsonl"), "cannot be combined with --resume"),
        (("-o", "out", "--fail-fast"), "cannot be combined with --resume"),
    ],
)
def test_calls_that_make_no_sense(run, bundle, media, tmp_path, monkeypatch, options, says):
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    outcome = run("classify", media["image"], "--ray", "auto", *options)
    assert outcome.exit_code == 2
    assert says in outcome.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("url", ["s3://bucket/labels", "S3://bucket/a//b", "file:///labels"])
def test_a_url_arrives_as_it_was_typed(run, media, monkeypatch, url):
    arrived = []

    def classify(inputs, output, address, **options):
        arrived.append(output.store.where)
        return RunCounts()

    monkeypatch.setattr("perceiver_cli.distributed.run.run", classify)
    outcome = run("classify", media["image"], "--ray", "auto", "-o", url)
    assert outcome.stderr.endswith(f"written to {url}\n")
    assert arrived == [url]


def test_without_ray_one_line_says_so(run, bundle, media, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = run("classify", media["image"], "--ray", "auto", "-o", tmp_path / "out")
    assert outcome.exit_code == 2
    assert outcome.stderr.strip().splitlines()[-1].endswith("pip install 'perceiver-cli[ray]'")
    assert not (tmp_path / "out").exists()


class FakeRay:
    """A stand-in for Ray's module, connected to a cluster with that many CPUs."""

    data = SimpleNamespace(DataContext=SimpleNamespace(get_current=SimpleNamespace))

    def __init__(self, cpus: float, gpus: float = 0) -> None:
        self.total = {"CPU": cpus, "GPU": gpus}
        self.shut_down = False

    def is_initialized(self) -> bool:
        return False

    def init(self, **options) -> None:
        if options["address"] == "nowhere:1":
            raise ConnectionError("ray client connection timeout")

    def cluster_resources(self) -> dict:
        return self.total

    def nodes(self) -> list:
        return [{"Alive": True}]

    def shutdown(self) -> None:
        self.shut_down = True


@pytest.mark.parametrize(
    ("cpus", "gpus", "address", "says"),
    [
        (1, 0, "auto", "the cluster has 1 CPU"),
        (0, 1, "auto", "no CPU for decoding"),
        (8, 0, "nowhere:1", "no Ray cluster at nowhere:1"),
    ],
)
def test_a_cluster_that_cannot_do_it_is_told_before_the_start(
    monkeypatch, cpus, gpus, address, says
):
    from perceiver_cli.distributed import cluster
    from perceiver_cli.errors import UsageError

    fake = FakeRay(cpus, gpus)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.data", fake.data)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_gcs_rpc_server_connect_timeout_s"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(UsageError, match=says), cluster.connected(address):
        pytest.fail("connected")


def test_three_of_four_cores_run_models_and_one_at_least_decodes(monkeypatch):
    from perceiver_cli.distributed.cluster import Resources

    assert [Resources(cpus, 0, 1).actors for cpus in (2, 3, 16)] == [1, 2, 12]
    assert [Resources(cpus, 0, 1).decoders for cpus in (2, 3, 16)] == [1, 1, 4]
    assert (Resources(64, 4, 4).actors, Resources(64, 4, 4).decoders) == (4, 64)
