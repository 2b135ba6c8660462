from __future__ import annotations

import math
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data.labels import Labels, read_column, read_rows
from salt_infer.errors import InputError, LabelError
from salt_infer.masks import rle
from salt_train import synthetic
from tests import drawing


def read(path: Path, ids: list[str]) -> np.ndarray:
    with Labels(path) as labels:
        return labels.masks(ids)


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Path, tuple[str, ...], np.ndarray]:
    data = drawing.draw(6, seed=3)
    synthetic.write(data, tmp_path)
    rows = zip(data.ids, rle.encode(data.masks), strict=True)
    lines = ["id,rle_mask", *(f"{name},{text}" for name, text in rows)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for path in (tmp_path / "masks").iterdir():
            archive.write(path, path.name)
    return tmp_path, data.ids, data.masks


@pytest.mark.parametrize("name", ["labels.csv", "masks", "masks.zip"])
def test_each_kind_gives_the_same_masks(
    drawn: tuple[Path, tuple[str, ...], np.ndarray], name: str
) -> None:
    folder, ids, masks = drawn
    order = [4, 0, 2]
    labels = read(folder / name, [ids[index] for index in order])
    np.testing.assert_array_equal(labels, masks[order])
    with Labels(folder / name) as opened:
        assert opened.ids == list(ids)


@pytest.mark.parametrize("name", ["labels.csv", "masks"])
def test_missing_labels_are_named(
    drawn: tuple[Path, tuple[str, ...], np.ndarray], name: str
) -> None:
    folder, ids, _ = drawn
    with pytest.raises(LabelError, match="no label for 1 of 2 tiles: stranger"):
        read(folder / name, [ids[0], "stranger"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,mask\na,\n", r"starts with \['id', 'mask'\], expected id,rle_mask"),
        ("", "is empty, or its first line is, expected id,rle_mask"),
        ("id,rle_mask\na,1 2\na,\n", "line 3: id 'a' appears a second time"),
        ("id,rle_mask\na\n", "line 2: 1 columns"),
        ("id,rle_mask\na,1 2\n\nb,\n", "line 3: 0 columns, expected id,rle_mask"),
        ("id,rle_mask\na,1 2\n\n", "line 3: 0 columns"),
        ("\nid,rle_mask\na,1 2\n", "its first line is, expected"),
        ("id,rle_mask\na,1 2,0.5\n", "line 2: 3 columns, expected id,rle_mask"),
        ("id,rle_mask,salt\na,,1\nb,\n", "line 3: 2 columns, expected id,rle_mask,salt"),
        ("id,salt,rle_mask\na,1,\n", "expected id,rle_mask"),
    ],
)
def test_malformed_files(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=says):
        read_rows(path)


def test_a_malformed_string_names_its_tile(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\na,1 2 3\n")
    with pytest.raises(LabelError, match=r"label of a: .*has 3 numbers"):
        read(path, ["a"])


def test_a_broken_mask_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(LabelError, match="label of a: empty file"):
        read(tmp_path, ["a"])


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"id,rle_mask\n\xff\xfe,\n")
    with pytest.raises(LabelError, match="cannot be read as CSV"):
        read_rows(path)


DETAILED = "id,rle_mask,salt,confidence\n" + 'b,1 2,0.9,0.4\n"a,""x",,nan,0.0000\n'


def test_further_columns_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(DETAILED)
    assert read_rows(path) == {"b": "1 2", 'a,"x': ""}
    assert read(path, ["b"]).sum() == 2


def test_a_column_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(DETAILED, encoding="utf-8-sig")
    assert read_column(path, "confidence") == {"b": 0.4, 'a,"x': 0.0}
    salt = read_column(path, "salt")
    assert salt["b"] == 0.9
    assert math.isnan(salt['a,"x'])


def test_a_further_column_may_be_named_like_one_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask,id,x\na,1 2,4,3\n")
    assert read_column(path, "id") == {"a": 4.0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,rle_mask\na,1 2\n", r"no column salt; write it with salt-infer --details"),
        ("id,rle_mask,confidence\na,1 2,1\n", "no column salt"),
        ("id,rle_mask,salt\na,1 2,1\nb,,high\n", "salt of b is 'high', expected a number"),
        ("id,rle_mask,salt\nx\x1b[2J,1 2,abc\n", r"salt of 'x\\x1b\[2J' is 'abc'"),
        ("id,rle_mask,salt\n\n", "line 2: 0 columns"),
        ("id,mask,salt\n", "expected id,rle_mask"),
    ],
)
def test_columns_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=says):
        read_column(path, "salt")


def test_an_empty_cell_is_what_pandas_makes_of_nan(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask,salt\na,1 2,\nb,,0.5\n")
    found = read_column(path, "salt")
    assert np.isnan(found["a"])
    assert found["b"] == 0.5


def test_the_first_columns_are_no_numbers_to_ask_for(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\n1,\n")
    for column in ("id", "rle_mask"):
        with pytest.raises(LabelError, match=f"no column {column}"):
            read_column(path, column)


@pytest.mark.parametrize("text", ["nan", "None", "-1", "NaN ", "-1.0", "[]", "0 0", "1 0"])
def test_what_libraries_write_for_nothing_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"id,rle_mask\na,{text}\n")
    with pytest.raises(LabelError, match=r"label of a: .* an empty mask is an empty cell"):
        read(path, ["a"])


def test_numbers_with_a_point_are_told(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\na,1.0 5.0\n")
    with pytest.raises(LabelError, match="write whole numbers"):
        read(path, ["a"])


def test_labels_written_with_other_characters_that_read_the_same(tmp_path: Path) -> None:
    one, other = unicodedata.normalize("NFD", "Été"), "Été"
    (tmp_path / "labels.csv").write_text(f"id,rle_mask\n{one},1 5\n", encoding="utf-8")
    assert read(tmp_path / "labels.csv", [other]).sum() == 5


def test_labels_that_are_nowhere(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist; expected true masks: a table of id,rle"):
        Labels(tmp_path / "nope")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id;rle_mask\na;1 5\n", "parted by semicolons; save it with commas"),
        ("id\trle_mask\na\t1 5\n", "parted by tabs; save it with commas"),
        ('"id,rle_mask"\n"a,1 5"\n', "in quotes as a whole; save it without"),
        (",id,rle_mask\n0,a,1 5\n", "save it with index=False"),
        ("ID, rle_mask\na,1 5\n", "expected id,rle_mask: write them in lower case, without spaces"),
        ("a,1 5\nb,\n", "the first line has to name the columns"),
    ],
)
def test_how_a_table_was_written_is_told_by_its_first_line(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(LabelError, match=says):
        Labels(path)


def test_a_table_in_utf_16_is_told_to_be_saved_anew(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\na,1 5\n", encoding="utf-16")
    with pytest.raises(LabelError, match=r"it is not UTF-8: .*; save it as UTF-8"):
        Labels(path)


@pytest.mark.parametrize("cell", ["[1, 5]", "1,5", "(1, 5)", "[1 5]", "1;5", "c(1, 5)", "1:5"])
def test_numbers_written_as_lists(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f'id,rle_mask\na,"{cell}"\n')
    with pytest.raises(LabelError, match="write numbers and spaces alone, such as 1 5"):
        Labels(path).masks(["a"])


@pytest.mark.parametrize("cell", ["1 5 9", "1 five", " " * 100_000 + "x"])
def test_other_faults_are_not_taken_for_lists(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f'id,rle_mask\na,"{cell}"\n')
    with pytest.raises(LabelError) as caught:
        Labels(path).masks(["a"])
    assert "spaces alone" not in str(caught.value)
