import pytest

from perceiver_cli.atomic import atomic_write


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with atomic_write(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("make", ["file", "folder", "nothing"])
def test_what_was_there_stays_if_the_block_fails(tmp_path, make):
    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as part:  # noqa: PT012
        if make == "file":
            part.write_text("half")
        elif make == "folder":
            part.mkdir()
            (part / "inside").touch()
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole(tmp_path):
    with atomic_write(tmp_path / "cache") as part:
        part.mkdir()
        (part / "rows").write_text("1")
        assert not (tmp_path / "cache").exists()
    assert (tmp_path / "cache" / "rows").read_text() == "1"
