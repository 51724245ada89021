"""perceiver models pull, against a server on loopback with a small generated checkpoint."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import read_header
from tests.checkpoints.hub import COMMIT, Hub, repository, serve
from tests.golden.test_published import write_port

NAME, REPOSITORY = "imagenet-fourier", "deepmind/vision-perceiver-fourier"
WEIGHTS = f"{REPOSITORY}/pytorch_model.bin"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    golden = Path(__file__).parent.parent / "golden" / "published.npz"
    folder = tmp_path_factory.mktemp("hub") / "fourier"
    with np.load(golden) as arrays:
        write_port(folder, dict(arrays), "fourier", legacy=True)
    return repository(REPOSITORY, folder)


@pytest.fixture
def hub(files, tmp_path, monkeypatch):
    from huggingface_hub import constants

    with serve(Hub(dict(files))) as hub:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield hub


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "hub"


def whole_files(cache: Path) -> list[Path]:
    """The weights that a cache offers."""
    return list(cache.rglob("snapshots/*/pytorch_model.bin"))


def test_pulled_weights_are_converted_once_and_listed(run, bundle, hub, own_home, media):
    outcome = run("models", "pull", NAME)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr == ""
    place = own_home / "weights" / f"{NAME}.safetensors"
    assert outcome.stdout == f"{place}\n"
    assert read_header(place).card["origin"] == {
        "repository": REPOSITORY,
        "revision": COMMIT,
        "file": "pytorch_model.bin",
        "sha256": hashlib.sha256(hub.files[WEIGHTS]).hexdigest(),
    }

    asked = len(hub.gets)
    assert run("models", "pull", NAME).exit_code == 0
    assert len(hub.gets) == asked

    listed = json.loads(run("models", "list", "--format", "json").stdout)
    assert {r["name"]: r["origin"] for r in listed}[NAME] == "pulled"
    assert "pulled" in run("models", "list").stdout
    assert COMMIT in run("models", "info", NAME).stdout
    verified = run("models", "verify", NAME)
    assert verified.exit_code == 0
    assert hashlib.sha256(place.read_bytes()).hexdigest() in verified.stdout

    result = json.loads(
        run("classify", media["image"], "--model", NAME, "--format", "jsonl").stdout
    )
    assert result["model"] == NAME
    assert result["byte_array"] == {"elements": 50176, "channels": 261}


def test_a_default_is_chosen_and_kept(run, bundle, hub, media):
    from perceiver_cli.checkpoints import registry

    assert run("models", "default", "image", NAME).exit_code == 3
    run("models", "pull", NAME)
    outcome = run("models", "default", "audio", NAME)
    assert outcome.exit_code == 2
    assert outcome.stderr == f"perceiver: {NAME} reads pictures, not sounds\n"
    assert run("models", "default", "image", "tiny-imag").exit_code == 2
    assert run("models", "default", "image", NAME).exit_code == 0
    registry.defaults.cache_clear()
    lines = [line.split() for line in run("models", "default").stdout.splitlines()]
    assert lines[0] == ["modality", "weights"]
    assert dict(lines[1:]) == registry.bundled_defaults() | {"image": NAME}
    outcome = run("models", "default", "image")
    assert outcome.exit_code == 2
    assert outcome.stderr == "perceiver: NAME is missing: the weights to use for image\n"
    result = json.loads(run("classify", media["image"], "--format", "jsonl").stdout)
    assert result["model"] == NAME
    listed = json.loads(run("models", "list", "--format", "json").stdout)
    assert {r["name"]: r["default_for"] for r in listed}[NAME] == ["image"]
    assert run("models", "default", "image", "tiny-image").exit_code == 0
    registry.defaults.cache_clear()
    result = json.loads(run("classify", media["image"], "--format", "jsonl").stdout)
    assert result["model"] == "tiny-image"


def test_a_download_that_breaks_off_goes_on_where_it_stood(run, bundle, hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)
    hub.cut_at = 1000
    assert run("models", "pull", NAME).exit_code == 0
    assert hub.ranges == ["bytes=1000-"]


def test_a_broken_download_leaves_nothing(run, bundle, hub, own_home, cache):
    hub.cut_at, hub.refuse_rest = 1000, True
    outcome = run("models", "pull", NAME)
    assert outcome.exit_code == 3
    assert outcome.stderr.count("\n") == 1
    assert f"could not be fetched from {hub.url}/{REPOSITORY}" in outcome.stderr
    assert "perceiver models convert FOLDER" in outcome.stderr
    assert not list(own_home.rglob("*.safetensors"))
    assert not whole_files(cache)

    hub.cut_at, hub.refuse_rest = None, False
    assert run("models", "pull", NAME).exit_code == 0


def test_a_wrong_hash_is_refused_and_removed(run, bundle, hub, own_home, cache):
    hub.stated[WEIGHTS] = "0" * 64
    outcome = run("models", "pull", NAME)
    assert outcome.exit_code == 3
    assert outcome.stderr.count("\n") == 1
    assert "the hub states 0000000000000000" in outcome.stderr
    assert not list(own_home.rglob("*.safetensors"))
    assert not whole_files(cache)

    hub.stated.clear()
    assert run("models", "pull", NAME).exit_code == 0


def test_a_checkpoint_of_another_shape_is_refused(run, bundle, hub, own_home):
    hub.files[WEIGHTS] = hub.files[WEIGHTS][:-100]
    outcome = run("models", "pull", NAME)
    assert outcome.exit_code == 3
    assert "pytorch_model.bin: not a whole PyTorch file" in outcome.stderr
    assert not list(own_home.rglob("*.safetensors*"))


def test_a_pulled_file_that_changed_is_found(run, bundle, hub, own_home):
    run("models", "pull", NAME)
    place = own_home / "weights" / f"{NAME}.safetensors"
    content = bytearray(place.read_bytes())
    content[-1] ^= 1
    place.write_bytes(content)
    outcome = run("models", "verify")
    assert outcome.exit_code == 3
    assert "not the one it was pulled with" in outcome.stdout


def test_an_unknown_name_gets_the_nearest(run, bundle):
    outcome = run("models", "pull", "imagenet-fourrier")
    assert outcome.exit_code == 2
    assert "did you mean imagenet-fourier?" in outcome.stderr


def test_what_is_not_pulled_says_how(run, bundle, media):
    outcome = run("classify", media["image"], "--model", NAME)
    assert outcome.exit_code == 3
    assert (
        outcome.stderr
        == f"perceiver: {NAME} is not installed; get it with: perceiver models pull {NAME}\n"
    )


def test_the_environment_of_the_hubs_library_counts(perceiver, files, tmp_path):
    env = {"HF_HOME": str(tmp_path / "hf"), "PERCEIVER_HOME": str(tmp_path / "own")}
    with serve(Hub(dict(files))) as hub:
        env |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_secret"}
        fetched = perceiver("models", "pull", NAME, env=env)
        assert fetched.returncode == 0, fetched.stderr
        assert fetched.stderr == b""
        assert "Bearer hf_secret" in hub.tokens
    assert whole_files(tmp_path / "hf" / "hub")

    # From the cache alone, and then without one.
    (tmp_path / "own" / "weights" / f"{NAME}.safetensors").unlink()
    offline = perceiver("models", "pull", NAME, env=env | {"HF_HUB_OFFLINE": "1"})
    assert offline.returncode == 0, offline.stderr
    env |= {"HF_HOME": str(tmp_path / "empty"), "PERCEIVER_HOME": str(tmp_path / "none")}
    gone = perceiver("models", "pull", NAME, env=env)
    assert gone.returncode == 3
    assert gone.stderr.count(b"\n") == 1
    assert f"could not be fetched from {hub.url}".encode() in gone.stderr
    assert not os.path.exists(tmp_path / "none")


def test_offline_says_so(run, bundle, hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    outcome = run("models", "pull", NAME)
    assert outcome.exit_code == 3
    assert outcome.stderr.count("\n") == 1
    assert "HF_HUB_OFFLINE is set" in outcome.stderr
    assert not hub.gets
