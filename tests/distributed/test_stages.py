"""The stages of `classify --ray`, called one after another in this process, without a cluster."""

import io
import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.paths import find_inputs
from tests.samples import make_picture, make_sound

pa = pytest.importorskip("pyarrow")

from perceiver_cli.distributed import stages  # noqa: E402
from perceiver_cli.distributed.chunks import chunks  # noqa: E402
from perceiver_cli.report.done import DoneIndex  # noqa: E402
from perceiver_cli.report.parts.encoding import decode  # noqa: E402
from perceiver_cli.report.parts.folder import PartFolder  # noqa: E402
from perceiver_cli.report.parts.store import store_at  # noqa: E402


def folder_at(where, format: str) -> PartFolder:
    return PartFolder(store_at(str(where)), format)


def index_of(output: PartFolder) -> DoneIndex:
    index = DoneIndex()
    output.read_done(index)
    return index


def done_in(counts: list[dict]) -> int:
    return sum(chunk["classified"] + chunk["failed"] for chunk in counts)


SETTINGS = {"modality": "auto", "strict": False, "threads": 1, "device": "cpu"}


@pytest.fixture
def folder(tmp_path, media) -> Path:
    """Five files of media, one that is cut off, one of text, one empty."""
    place = tmp_path / "in"
    place.mkdir()
    for path in media.values():
        (place / path.name).write_bytes(path.read_bytes())
    (place / "half.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "notes.txt").write_text("what we did\n")
    (place / "empty.jpg").touch()
    return place


@pytest.fixture
def cluster(bundle):
    """cluster(output, paths, run) -> the counts of each chunk, as if Ray had moved the blocks."""
    stages.decoding_pool.cache_clear()
    made: list[stages.Predict] = []

    def call(
        output: PartFolder, paths, run: str = "1", tries: int = 1, size: int = 3
    ) -> list[dict]:
        done = index_of(output)
        file_filter = FileFilter(recursive=True)
        inputs = find_inputs(map(str, paths), file_filter=file_filter, open_archives=False)
        if not made:
            made.append(stages.Predict(SETTINGS, False, output.format))
        # The weights are this process's alone, so it decodes, too.
        decode = stages.Decode(limit_s=60.0, file_filter=file_filter)
        write = stages.Write(output)
        counts = []
        for chunk in chunks(inputs, run, done, size):
            block = pa.table({"chunk": [pickle.dumps(chunk)]})
            for _ in range(tries):  # a task that is tried again
                blocks = [made[0](items) for items in decode(block)]
                ends = [write(rows) for part in blocks for rows in part]
            counts += [row for end in ends for row in end.to_pylist()]
        return counts

    yield call
    for pool in [stages.decoding_pool(stages.Decode(limit_s=60.0, file_filter=FileFilter(True)))]:
        pool.close()
    stages.decoding_pool.cache_clear()


def rows(output: PartFolder) -> dict[str, dict]:
    found = []
    for part in output.parts():
        with output.store.open(part) as stream:
            found += decode(stream, output.format)
    assert len({row["path"] for row in found}) == len(found), "a row is there twice"
    return {row["path"]: row for row in found}


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_the_rows_are_those_of_a_single_process(cluster, folder, tmp_path, run, format):
    output = folder_at(tmp_path / "out", format)
    output.prepare("f")
    counts = cluster(output, [folder], tries=2)
    assert done_in(counts) == 6
    assert sum(c["failed"] for c in counts) == 1
    assert sum(c["passed_over"] for c in counts) == 2
    there = rows(output)
    call = ("classify", "-r", folder, "--format", "jsonl", "--no-attention")
    here = {r["path"]: r for r in map(json.loads, run(*call).stdout.splitlines())}
    assert there.keys() == here.keys()
    for path, record in here.items():
        assert there[path]["predictions"] == record["predictions"]
        assert (there[path]["error"] or {}).get("kind") == (record["error"] or {}).get("kind")


def test_what_is_done_is_not_done_again_unless_it_changed(cluster, folder, tmp_path):
    output = folder_at(tmp_path / "out", "parquet")
    output.prepare("f")
    cluster(output, [folder])
    first = output.parts()
    # What was passed over has no row, so it is looked at again.
    assert done_in(cluster(output, [folder], "2")) == 0
    assert output.parts() == first
    make_picture(folder / "photo.jpg", 40, 40)
    (folder / "gone.jpg").symlink_to("nowhere")
    assert done_in(cluster(output, [folder], "3")) == 2
    (folder / "gone.jpg").unlink()
    make_picture(folder / "gone.jpg")
    assert done_in(cluster(output, [folder], "4")) == 1
    output.drop_replaced()
    there = rows(output)
    assert len(there) == 7
    assert there[str(folder / "gone.jpg")]["status"] == "ok"


def test_a_run_without_its_last_parts_is_continued(cluster, folder, tmp_path):
    output = folder_at(tmp_path / "out", "parquet")
    output.prepare("f")
    cluster(output, [folder])
    whole = rows(output)
    Path(output.store.where, output.parts()[0]).unlink()
    # Killed inside a write.
    Path(output.store.where, ".part-x.parquet.1.part").write_bytes(b"half")
    cluster(output, [folder], "2")
    assert rows(output).keys() == whole.keys()


def test_an_archive_is_opened_where_it_is_decoded(cluster, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "CHUNK_INPUTS", 2)
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for file in sorted(folder.iterdir()):
            entry = tarfile.TarInfo(file.name)
            entry.size = file.stat().st_size
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    output = folder_at(tmp_path / "out", "jsonl")
    output.prepare("f")
    counts = cluster(output, [path], tries=2)
    assert done_in(counts) == 6
    assert {row.partition("::")[2] for row in rows(output)} == {str(path)}
    assert done_in(cluster(output, [path], "2")) == 0


def long_file(place: Path) -> str:
    return str(make_sound(place / "long.wav", 20.0))


def long_member(place: Path) -> str:
    path = make_sound(place / "long.wav", 20.0)
    with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(path, path.name)
    return f"zip://long.wav::{place / 'a.zip'}"


def long_object(place: Path) -> str:
    import fsspec

    content = make_sound(place / "long.wav", 20.0).read_bytes()
    fsspec.filesystem("memory").pipe_file("/sounds/long.wav", content)
    return "memory://sounds/long.wav"


@pytest.mark.parametrize("make", [long_file, long_member, long_object])
def test_all_of_a_long_sound_is_read_wherever_it_lies(cluster, tmp_path, make):
    path = make(tmp_path)
    output = folder_at(tmp_path / "out", "jsonl")
    output.prepare("f")
    cluster(output, [path])
    record = rows(output)[path]
    assert record["notes"] == []
    assert len(record["segments"]) == 39


def test_all_of_a_long_sound_from_a_pipe_is_read(cluster, tmp_path, monkeypatch):
    content = make_sound(tmp_path / "long.wav", 20.0).read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    output = folder_at(tmp_path / "out", "jsonl")
    output.prepare("f")
    cluster(output, ["-"])
    assert len(rows(output)["-"]["segments"]) == 39


def test_a_file_that_crashes_its_decoder_fails_alone(cluster, folder, tmp_path, monkeypatch):
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "soundfile.py").write_text("import os\nos.abort()\n")
    monkeypatch.syspath_prepend(modules)
    output = folder_at(tmp_path / "out", "jsonl")
    output.prepare("f")
    cluster(output, [folder])
    there = rows(output)
    assert there[str(folder / "clip.wav")]["error"]["kind"] == "corrupt"
    assert there[str(folder / "photo.jpg")]["status"] == "ok"


def test_a_folder_of_other_weights_or_another_form_is_refused(tmp_path):
    output = folder_at(tmp_path / "out", "parquet")
    output.prepare("f")
    output.write("1", [])
    output.prepare("f")
    with pytest.raises(UsageError, match="other weights"):
        output.prepare("g")
    with pytest.raises(UsageError, match="the same --format"):
        folder_at(tmp_path / "out", "jsonl").prepare("f")


def test_the_output_may_be_in_memory_or_a_bucket(cluster, folder):
    import fsspec

    fs = fsspec.filesystem("memory")
    output = folder_at("memory://labels/out", "parquet")
    output.prepare("f")
    assert done_in(cluster(output, [folder])) == 6
    output.mark_complete()
    names = {path.rpartition("/")[2] for path in fs.find("/labels/out")}
    assert {"_perceiver.json", "_SUCCESS"} <= names
    assert len(index_of(output)) == 6
    with pytest.raises(UsageError, match="other weights"):
        output.prepare("g")
    output.mark_incomplete()
    assert not fs.exists("/labels/out/_SUCCESS")
    fs.rm("/labels", recursive=True)
