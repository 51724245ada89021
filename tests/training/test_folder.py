import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.errors import UsageError
from perceiver_cli.training.data.folder import hold_out, read_folder, training_files


@pytest.fixture
def pets(tmp_path):
    for split, count in (("train", 10), ("val", 2)):
        for name in ("cat", "dog_bark"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.jpg").touch()
    (tmp_path / "train" / "cat" / ".hidden.jpg").touch()
    return tmp_path


def test_splits_and_labels(pets):
    folder = read_folder(pets, "train")
    assert folder.labels == [Label("cat", "cat"), Label("dog_bark", "dog bark")]
    assert len(folder.files) == 20
    assert len(read_folder(pets, "val").files) == 4


def test_labels_file_gives_the_words(pets):
    (pets / "labels.tsv").write_text("cat\ttabby cat\n", encoding="utf-8")
    assert read_folder(pets, "train").labels[0] == Label("cat", "tabby cat")
    (pets / "labels.tsv").write_text("cat\ttabby cat\t\tanimal\n", encoding="utf-8")
    assert read_folder(pets, "train").labels[0] == Label("cat", "tabby cat", "", "animal")
    (pets / "labels.tsv").write_text("dog\tdog\ncat\ta\tb\tc\td\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 2: more columns"):
        read_folder(pets, "train")


def test_a_misspelt_id_in_the_labels_file_is_refused(pets):
    (pets / "labels.tsv").write_text("cat\ttabby\ndog_brak\tdog\nrat\trat\n")
    with pytest.raises(
        UsageError, match="no line for the class dog_bark, and its line dog_brak is of no class"
    ):
        read_folder(pets, "train")
    (pets / "labels.tsv").write_text("cat\ttabby\n")
    assert [label.label for label in read_folder(pets, "train").labels] == ["tabby", "dog bark"]
    (pets / "labels.tsv").write_text("cat\ttabby\ndog_bark\tdog\nrat\trat\n")
    assert [label.label for label in read_folder(pets, "train").labels] == ["tabby", "dog"]


def test_a_folder_without_splits_is_one_split(pets):
    assert read_folder(pets / "train", "val").files == read_folder(pets, "train").files


def test_hold_out_takes_a_share_of_every_class_and_loses_nothing(pets):
    folder = read_folder(pets, "train")
    kept, held = hold_out(folder, 0.2)
    assert sorted(kept.files + held.files) == sorted(folder.files)
    assert [sum(c == k for _, c in held.files) for k in (0, 1)] == [2, 2]
    assert hold_out(folder, 0.2) == (kept, held)
    assert hold_out(folder, 0.0)[1].files == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "not a folder"),
        (lambda p: (p / "only").mkdir(parents=True), "at least two class folders"),
        (lambda p: (p / "train" / "a").mkdir(parents=True), "no val/"),
        (lambda p: [(p / name).mkdir(parents=True) for name in "ab"], "class a has no files"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path, make, words):
    place = tmp_path / "data"
    make(place)
    with pytest.raises(UsageError, match=words):
        read_folder(place, "val")


def test_hold_out_keeps_groups_on_one_side(tmp_path):
    for name in ("bell", "rain"):
        (tmp_path / name).mkdir()
        for recording in range(5):
            for piece in range(4):
                (tmp_path / name / f"r{recording}_{piece}.wav").touch()
    kept, held = hold_out(read_folder(tmp_path, "train"), 0.25, groups=r"^r\d+")

    def recordings(folder):
        return {(path.parent.name, path.name.split("_")[0]) for path, _ in folder.files}

    assert len(recordings(held)) == 4
    assert len(held.files) == 16
    assert not recordings(held) & recordings(kept)


def test_a_class_of_one_group_is_not_split(tmp_path):
    for name in ("bell", "rain"):
        (tmp_path / name).mkdir()
        for piece in range(8):
            (tmp_path / name / f"one_{piece}.wav").touch()
    assert hold_out(read_folder(tmp_path, "train"), 0.25, groups="^one")[1].files == []


def test_groups_must_be_a_regular_expression(pets):
    with pytest.raises(UsageError, match="not a regular expression"):
        hold_out(read_folder(pets, "train"), 0.2, groups="(")


def test_a_held_split_serves_as_it_is(pets):
    for name in ("cat", "dog_bark"):
        (pets / "held" / name).mkdir(parents=True)
        (pets / "held" / name / "new.jpg").touch()
    kept, held = training_files(pets, 0.5, None)
    assert kept == read_folder(pets, "train")
    assert held == read_folder(pets, "held")
    (pets / "held" / "cow").mkdir()
    (pets / "held" / "cow" / "new.jpg").touch()
    with pytest.raises(UsageError, match="different classes"):
        training_files(pets, 0.5, None)
