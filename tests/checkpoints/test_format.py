"""The checkpoint file: round trips, and a clear one-line error for each kind of damage."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from perceiver_cli.adapters import build_adapter
from perceiver_cli.checkpoints import format as stored
from perceiver_cli.checkpoints.building import build_model
from perceiver_cli.checkpoints.card import add_to_card
from perceiver_cli.checkpoints.format import (
    FORMAT,
    Checkpoint,
    Header,
    Label,
    load_checkpoint,
    open_checkpoint,
    read_header,
    replace_header,
    save_checkpoint,
)
from perceiver_cli.errors import CheckpointError
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.image import ImageRecipe

RECIPE = ImageRecipe(size=8, patch=2, bands=1)
CONFIG = PerceiverConfig(
    {"image": 18}, 3, latents=4, width=8, cross_attends=2, layers=1, self_heads=2
)
HEADER = Header(
    name="tiny",
    model=CONFIG,
    recipe=json.loads(json.dumps(asdict(RECIPE))),
    labels=[
        Label("n01", "tench", "fish", "animal"),
        Label("n02", "hen", "", "animal"),
        Label("n03", "Bärenklau, großer"),
    ],
    temperature=1.25,
    level_temperatures={"group": 0.9, "kind": 1.1},
    card={"data": "made up", "top1": 0.5, "per_class": [0.1, None]},
)


STATISTICS = {
    "width": 8,
    "scale": 1.0,
    "whitening": base64.b64encode(bytes(2 * 36)).decode(),
    "streams": {"": {"mean": base64.b64encode(bytes(2 * 8)).decode(), "limit": 1.0}},
}


def new_model() -> Perceiver:
    torch.manual_seed(0)
    model = Perceiver(CONFIG)
    # What float16 holds exactly, so that a round trip changes nothing.
    model.load_state_dict({name: t.half().float() for name, t in model.state_dict().items()})
    return model.eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Checkpoint(HEADER, new_model().state_dict()))
    return path


def one_line(path: Path, call) -> str:
    """The message of the CheckpointError that the call raises, without the file's name."""
    with pytest.raises(CheckpointError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def rewrite(path: Path, *, header: object = None, tensors: dict | None = None) -> None:
    """Rewrites the file with another header or other tensors."""
    header = header_values(path) if header is None else header
    tensors = load_file(path) if tensors is None else tensors
    save_file(tensors, path, metadata={"perceiver": json.dumps(header)})


def header_values(path: Path) -> dict:
    size = int.from_bytes(path.read_bytes()[:8], "little")
    metadata = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
    return json.loads(metadata["perceiver"])


def test_statistics_are_checked_with_the_header(saved):
    rewrite(saved, header={**header_values(saved), "familiar": STATISTICS})
    assert read_header(saved).familiar == STATISTICS


def test_a_round_trip_keeps_everything(saved):
    assert read_header(saved) == HEADER
    checkpoint = load_checkpoint(saved)
    assert checkpoint.header == HEADER
    model, rebuilt = new_model(), build_model(checkpoint, str(saved))
    assert not rebuilt.training
    assert not any(p.requires_grad for p in rebuilt.parameters())
    x = {"image": torch.randn(2, 16, 18)}
    with torch.no_grad():
        assert torch.equal(rebuilt(x), model(x))


def test_the_recipe_makes_the_adapter_the_model_was_made_for(saved):
    header = read_header(saved)
    adapter = build_adapter(header.recipe)
    assert adapter.recipe == RECIPE
    assert adapter.streams == header.model.streams


def test_tensors_take_two_bytes_a_value_on_disk_and_are_float32_in_memory(saved):
    assert {t.dtype for t in load_file(saved).values()} == {torch.float16}
    assert {t.dtype for t in load_checkpoint(saved).tensors.values()} == {torch.float32}


def test_a_model_is_built_from_a_file_that_stays_open(saved, monkeypatch):
    checkpoint = open_checkpoint(saved)
    assert opened(monkeypatch, checkpoint, most=2**24) == 1
    assert 1 < opened(monkeypatch, checkpoint, most=2**8) < len(checkpoint.tensors)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("half", [True, False])
def test_a_model_keeps_nothing_of_its_file_in_memory(saved, half):
    save_checkpoint(saved, replace(load_checkpoint(saved), half=half))
    checkpoint = open_checkpoint(saved)
    model = build_model(checkpoint, "tiny")
    assert str(saved) not in Path("/proc/self/maps").read_text()
    assert torch.equal(model.state_dict()["latents"], checkpoint.tensors["latents"])


def opened(monkeypatch, checkpoint: Checkpoint, most: int) -> int:
    """Number of times that the file is opened if it is reopened after `most` bytes."""
    calls = []

    def opening(*arguments, **options):
        calls.append(arguments)
        return safe_open(*arguments, **options)

    monkeypatch.setattr(stored, "safe_open", opening)
    monkeypatch.setattr(stored, "REOPEN_BYTES", most)
    model = build_model(checkpoint, "tiny")
    for name, tensor in dict(checkpoint.tensors).items():
        assert torch.equal(model.state_dict()[name], tensor)
    return len(calls) - len(checkpoint.tensors)


def test_several_streams_come_back(tmp_path):
    path = tmp_path / "av.safetensors"
    config = replace(CONFIG, streams={"video": 5, "audio": 7}, share_cross="all", readout="query")
    model = Perceiver(config)
    header = replace(HEADER, model=config)
    save_checkpoint(path, Checkpoint(header, model.state_dict()))
    rebuilt = build_model(load_checkpoint(path), str(path))
    for name, expected in model.state_dict().items():
        torch.testing.assert_close(rebuilt.state_dict()[name], expected, rtol=1e-3, atol=1e-6)


def test_the_threshold_of_older_checkpoints_is_ignored(saved):
    rewrite(saved, header=header_values(saved) | {"threshold": 0.4})
    assert read_header(saved) == HEADER


def test_the_temperatures_of_single_streams_keep_the_key_that_files_have_for_them(saved):
    header = replace(HEADER, stream_temperatures={"image": 2.0})
    replace_header(saved, header)
    assert header_values(saved)["alone"] == {"image": 2.0}
    assert read_header(saved) == header


def test_learned_elements_keep_the_name_that_files_have_for_them(tmp_path):
    path = tmp_path / "learned.safetensors"
    model = Perceiver(replace(CONFIG, learned_elements=2))
    save_checkpoint(path, Checkpoint(replace(HEADER, model=model.config), model.state_dict()))
    assert torch.equal(load_file(path)["elements"], model.learned_elements.half())
    rebuilt = build_model(load_checkpoint(path), str(path))
    assert torch.equal(rebuilt.learned_elements, model.learned_elements.half().float())


def test_saving_replaces_the_old_file_and_leaves_nothing_beside(saved):
    save_checkpoint(saved, Checkpoint(replace(HEADER, name="newer"), new_model().state_dict()))
    assert read_header(saved).name == "newer"
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_failing_save_leaves_the_old_file(saved):
    before = saved.read_bytes()
    unwritable = replace(HEADER, card={"when": object()})
    with pytest.raises(TypeError):
        save_checkpoint(saved, Checkpoint(unwritable, new_model().state_dict()))
    assert saved.read_bytes() == before


def test_the_header_is_read_without_torch(saved):
    code = (
        "import sys; from pathlib import Path;"
        "from perceiver_cli.checkpoints.format import read_header;"
        f"header = read_header(Path({str(saved)!r}));"
        "print(header.name, header.model.classes, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tiny", "3", "False"]


@pytest.mark.parametrize("call", [read_header, load_checkpoint])
class TestBadFiles:
    def test_missing(self, call, tmp_path):
        path = tmp_path / "nothing.safetensors"
        assert one_line(path, lambda: call(path)) == "no such file"

    @pytest.mark.parametrize("kept", [0, 5, 8, 200, -1, -1000])
    def test_truncated(self, call, saved, kept):
        saved.write_bytes(saved.read_bytes()[:kept])
        message = one_line(saved, lambda: call(saved))
        assert message == "not a whole safetensors file (truncated or corrupt)"

    @pytest.mark.parametrize("content", [b"hello\n" * 50, b"PK\x03\x04" + bytes(500), bytes(64)])
    def test_something_else(self, call, tmp_path, content):
        path = tmp_path / "weights.safetensors"
        path.write_bytes(content)
        one_line(path, lambda: call(path))

    def test_a_folder(self, call, tmp_path):
        one_line(tmp_path, lambda: call(tmp_path))

    @pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
    def test_safetensors_of_someone_else(self, call, tmp_path, metadata):
        path = tmp_path / "other.safetensors"
        save_file({"a": torch.zeros(2)}, path, metadata=metadata)
        message = one_line(path, lambda: call(path))
        assert message == "not a perceiver checkpoint (no header in its metadata)"

    def test_a_newer_format(self, call, saved):
        rewrite(saved, header={**header_values(saved), "format": FORMAT + 1, "novelty": 1})
        message = one_line(saved, lambda: call(saved))
        assert f"format {FORMAT + 1}" in message
        assert "upgrade perceiver-cli" in message

    @pytest.mark.parametrize("labels", [2, 4])
    def test_the_wrong_number_of_labels(self, call, saved, labels):
        many = [{"id": str(i), "label": str(i)} for i in range(labels)]
        rewrite(saved, header={**header_values(saved), "labels": many})
        assert one_line(saved, lambda: call(saved)) == f"{labels} labels for 3 classes"

    @pytest.mark.parametrize(
        "change",
        [
            {"format": "one"},
            {"model": {"streams": {"image": 18}}},
            {"model": {**asdict(CONFIG), "depth": 4}},
            {"model": {**asdict(CONFIG), "gelu": "tahn"}},
            {"model": {**asdict(CONFIG), "latents": -1}},
            {"model": None},
            {"labels": 3},
            {"labels": ["tench", "hen", "cat"]},
            {"novelty": 1},
            {"name": 5},
            {"temperature": None},
            {"temperature": -1},
            {"temperature": 0},
            {"temperature": float("inf")},
            {"temperature": float("nan")},
            {"alone": []},
            {"level_temperatures": {"group": "warm"}},
            {"events": 5},
            {"familiar": "yes"},
            {"familiar": {}},
            {"familiar": STATISTICS | {"width": 9}},
            {"familiar": STATISTICS | {"whitening": "AAA="}},
            {"card": None},
            {"card": {"notes": "one"}},
            {"card": {"measured": {"val": {"top1": "good"}}}},
            {"recipe": {"modality": "image", "size": 10**9}},
            {"model": {**asdict(CONFIG), "width": 10**9}},
            {"model": {**asdict(CONFIG), "layers": 1000}},
            {"labels": [{"id": 1, "label": "tench"}] * 3},
        ],
    )
    def test_a_header_that_makes_no_sense(self, call, saved, change):
        rewrite(saved, header={**header_values(saved), **change})
        message = one_line(saved, lambda: call(saved))
        assert message.startswith("its header cannot be read (")
        assert "object" not in message.replace("must be an object", "")  # no words of Python

    @pytest.mark.parametrize("left_out", ["format", "name", "model", "labels", "recipe"])
    def test_a_header_that_lacks_something(self, call, saved, left_out):
        values = header_values(saved)
        del values[left_out]
        rewrite(saved, header=values)
        message = one_line(saved, lambda: call(saved))
        assert message.startswith("its header cannot be read")
        assert left_out in message

    @pytest.mark.parametrize("header", [[1, 2], "text", 5])
    def test_a_header_that_is_no_object(self, call, saved, header):
        rewrite(saved, header=header)
        assert one_line(saved, lambda: call(saved)).startswith("its header cannot be read")

    def test_a_header_that_is_no_json(self, call, saved):
        save_file(load_file(saved), saved, metadata={"perceiver": "{oops"})
        assert one_line(saved, lambda: call(saved)).startswith("its header cannot be read")


class TestBadTensors:
    def test_missing(self, saved):
        tensors = load_file(saved)
        del tensors["cross.1.key.weight"]
        assert self.message(saved, tensors) == "tensor cross.1.key.weight is missing"

    def test_left_over(self, saved):
        tensors = load_file(saved) | {"surprise": torch.zeros(2)}
        assert self.message(saved, tensors) == "unexpected tensor surprise"

    def test_misshapen(self, saved):
        tensors = load_file(saved) | {"latents": torch.zeros(5, 8)}
        expected = "tensor latents has shape [5, 8], expected [4, 8]"
        assert self.message(saved, tensors) == expected

    @staticmethod
    def message(path: Path, tensors: dict) -> str:
        rewrite(path, tensors=tensors)
        # The header alone is whole, and says so.
        assert read_header(path) == HEADER
        return one_line(path, lambda: build_model(load_checkpoint(path), str(path)))


def test_other_precisions_are_read(saved):
    for dtype in (torch.float32, torch.bfloat16):
        rewrite(saved, tensors={n: t.to(dtype) for n, t in load_file(saved).items()})
        found = load_checkpoint(saved).tensors
        assert {t.dtype for t in found.values()} == {torch.float32}
        assert np.isfinite(found["latents"].numpy()).all()


@pytest.mark.parametrize("half", [True, False])
def test_a_longer_card_leaves_the_tensors_as_they_are(tmp_path, half):
    path = tmp_path / "tiny.safetensors"
    torch.manual_seed(1)
    save_checkpoint(path, Checkpoint(HEADER, Perceiver(CONFIG).state_dict(), half))
    before = load_checkpoint(path)
    add_to_card(path, "measured", "val", {"top1": 0.5})
    after = load_checkpoint(path)
    assert after.header.card["measured"]["val"] == {"top1": 0.5}
    assert after.half is half
    for name, tensor in before.tensors.items():
        torch.testing.assert_close(after.tensors[name], tensor, atol=0, rtol=0)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_others_may_read_a_checkpoint_as_any_new_file(saved):
    other = saved.with_name("other")
    other.write_text("")
    assert saved.stat().st_mode == other.stat().st_mode
