import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.labels import read_labels
from perceiver_cli.errors import UsageError

LINES = "n01\tpug \tdog\tanimal\n\nteapot\nn02\tmug\n"


def test_a_line_without_a_tab_is_an_id_or_a_label(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text(LINES)
    pug, mug = Label("n01", "pug", "dog", "animal"), Label("n02", "mug")
    assert read_labels(path) == [pug, mug]
    assert read_labels(path, label_alone=True) == [pug, Label("1", "teapot"), mug]


def test_a_byte_order_mark_is_no_part_of_the_first_id(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("n01\tpug\n", encoding="utf-8-sig")
    assert read_labels(path) == [Label("n01", "pug")]


def test_files_that_are_no_labels(tmp_path):
    path = tmp_path / "labels.tsv"
    with pytest.raises(UsageError, match=r"labels\.tsv: No such file"):
        read_labels(path)
    path.write_text("n01\tpug\n", encoding="utf-16")
    with pytest.raises(UsageError, match=r"labels\.tsv: not text in UTF-8$"):
        read_labels(path)
    path.write_text("n01\tpug\n\nn01\tdog\n")
    with pytest.raises(UsageError, match="line 3: line 1 has the same id n01"):
        read_labels(path)
    path.write_text("\n" + "\t".join("abcde"))
    with pytest.raises(UsageError, match="line 2: more columns"):
        read_labels(path)
