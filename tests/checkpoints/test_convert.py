"""perceiver models convert: the checkpoint, and one-line errors."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from perceiver_cli.checkpoints.format import read_header
from tests.golden.test_published import write_port, write_source


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent.parent / "golden" / "published.npz") as arrays:
        return dict(arrays)


@pytest.fixture
def port(golden, tmp_path) -> Path:
    return write_port(tmp_path / "port", golden, "fourier", legacy=False)


def refused(run, source: Path, words: str, code: int = 3) -> None:
    """Checks that the error is one line, and that nothing is written."""
    output = source.parent / "new.safetensors"
    outcome = run("models", "convert", source, "-o", output)
    assert outcome.exit_code == code
    assert outcome.stderr.count("\n") == 1
    assert words in outcome.stderr
    assert not list(source.parent.glob("*new.safetensors*"))


def change(port: Path, **tensors: torch.Tensor | None) -> None:
    """Changes tensors of a model.safetensors; None takes one away."""
    path = port / "model.safetensors"
    held = load_file(path) | {name.replace("__", "."): t for name, t in tensors.items()}
    save_file({name: t for name, t in held.items() if t is not None}, path)


def test_labels_come_from_the_settings(run, port, tmp_path):
    settings = json.loads((port / "config.json").read_text())
    settings["id2label"] = {str(i): f"thing {i}" for i in range(20)}
    (port / "config.json").write_text(json.dumps(settings))
    output = tmp_path / "new.safetensors"
    for source in (port, port / "model.safetensors"):
        assert run("models", "convert", source, "-o", output).exit_code == 0
        assert read_header(output).labels[3].label == "thing 3"
    assert read_header(output).name == "new"
    assert run("models", "verify", output).exit_code == 0
    assert "thing 3" in run("models", "info", output).stdout


def test_labels_come_from_a_file(run, golden, tmp_path):
    source = write_source(tmp_path / "w.pystate", golden, "learned", 5)
    output, labels = tmp_path / "new.safetensors", tmp_path / "labels.tsv"
    assert run("models", "convert", source, "-o", output).exit_code == 0
    assert read_header(output).labels[3].label == "class 3"
    labels.write_text("".join(f"n{i:08}\tthing {i}\n" for i in range(20)))
    assert run("models", "convert", source, "-o", output, "--labels", labels).exit_code == 0
    assert (read_header(output).labels[3].id, read_header(output).labels[3].label) == (
        "n00000003",
        "thing 3",
    )
    labels.write_text("one\ntwo\n")
    outcome = run("models", "convert", source, "-o", output, "--labels", labels)
    assert outcome.exit_code == 2
    assert "2 labels for 20 classes" in outcome.stderr


def test_a_missing_tensor_is_named(run, port):
    change(port, perceiver__encoder__self_attends__1__mlp__dense1__bias=None)
    refused(run, port, "tensor perceiver.encoder.self_attends.1.mlp.dense1.bias is missing")


def test_an_extra_tensor_is_named(run, port):
    change(port, perceiver__more=torch.zeros(2))
    refused(run, port, "unexpected tensor perceiver.more")


def test_a_misshapen_tensor_is_named(run, port):
    change(port, perceiver__encoder__cross_attention__layernorm__bias=torch.zeros(3))
    refused(run, port, "cross_attention.layernorm.bias has shape [3], expected [16]")


def test_a_truncated_file(run, port):
    path = port / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    refused(run, port, "model.safetensors: not a whole safetensors file")


def test_a_truncated_pytorch_file(run, golden, tmp_path):
    port = write_port(tmp_path / "port", golden, "conv", legacy=True)
    path = port / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[:-50])
    refused(run, port, "pytorch_model.bin: not a whole PyTorch file")


@pytest.mark.parametrize("length", [0, 1, 30, 2000, -1])
def test_a_truncated_pickle(run, golden, tmp_path, length):
    source = write_source(tmp_path / "w.pystate", golden, "conv", 5)
    source.write_bytes(source.read_bytes()[:length])
    refused(run, source, "w.pystate: not a whole pickle of arrays")


class Caller:
    """Its pickle calls something."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(("suffix", "protocol"), [(".pystate", 2), (".pystate", 5), (".bin", 2)])
def test_a_pickle_that_calls_something(run, port, tmp_path, suffix, protocol):
    import os

    left = tmp_path / "left"
    evil = {"params": {"m": {"w": Caller(os.mkdir, str(left))}}}
    (port / "model.safetensors").unlink()
    source = port / f"pytorch_model{suffix}"
    if suffix == ".bin":
        torch.save(evil, source, pickle_protocol=protocol)
    else:
        source.write_bytes(pickle.dumps(evil, protocol))
    refused(run, source, "refused, because loading it would call posix.mkdir")
    assert not left.exists()


@pytest.mark.parametrize("value", [Caller(eval, "1"), Caller(np.load, "x"), np.array([object])])
def test_a_pickle_of_anything_else(run, tmp_path, value):
    source = tmp_path / "w.pystate"
    source.write_bytes(pickle.dumps({"m": {"w": value}}))
    refused(run, source, "w.pystate")


def test_a_pickle_of_text(run, tmp_path):
    source = tmp_path / "w.pystate"
    source.write_bytes(pickle.dumps({"params": {"m": "words"}}))
    refused(run, source, "params/m is not an array of numbers")


def test_haikus_own_mapping_is_read(run, golden, tmp_path):
    """Haiku pickles its mapping as a call of the class with a plain dict."""
    source = write_source(tmp_path / "w.pystate", golden, "fourier", 2)
    content = source.read_bytes()
    assert content.startswith(b"\x80\x02}")
    call = b"chaiku._src.data_structures\nFlatMapping\n"
    source.write_bytes(b"\x80\x02" + call + content[2:-1] + b"\x85R.")
    assert run("models", "convert", source, "-o", tmp_path / "new.safetensors").exit_code == 0


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_what_is_converted_stays(run, port, name):
    before = (port / "model.safetensors").read_bytes()
    outcome = run("models", "convert", port / name, "-o", port / "model.safetensors")
    assert outcome.exit_code == 2
    assert "is an input, which the output would overwrite" in outcome.stderr
    assert (port / "model.safetensors").read_bytes() == before


def test_what_is_no_classifier(run, port, tmp_path):
    change(port, perceiver__decoder__decoder__final_layer__weight=None)
    refused(run, port, "not one of the published Perceiver classifiers")
    (port / "config.json").write_text('{"model_type": "bert"}')
    refused(run, port, "config.json: not the settings of a Perceiver")
    (port / "config.json").unlink()
    refused(run, port, "config.json: no such file; it belongs beside the weights")
    (tmp_path / "empty").mkdir()
    refused(run, tmp_path / "empty", "neither model.safetensors nor pytorch_model.bin is there")
    refused(run, tmp_path / "nothing.pystate", "no such file", code=2)
    refused(run, tmp_path / "nodir", "nodir: no such folder", code=2)
    (tmp_path / "notes.txt").write_text("words")
    refused(run, tmp_path / "notes.txt", "neither .safetensors nor .bin", code=2)


@pytest.mark.parametrize(
    ("key", "value"), [("num_blocks", 0), ("num_self_attention_heads", "8"), ("hidden_act", "x")]
)
def test_settings_that_make_no_sense(run, port, key, value):
    settings = json.loads((port / "config.json").read_text()) | {key: value}
    (port / "config.json").write_text(json.dumps(settings))
    refused(run, port, "config.json: ")
