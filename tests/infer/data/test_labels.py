from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data.labels import Labels
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


def test_a_malformed_string_names_its_tile(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("id,rle_mask\na,1 2 3\n")
    with pytest.raises(LabelError, match=r"label of a: .*has 3 numbers"):
        read(path, ["a"])


def test_a_broken_mask_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(LabelError, match="label of a: empty file"):
        read(tmp_path, ["a"])


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
        ("ImageId,EncodedPixels\na,1 5\n", "expected id,rle_mask: name its columns id,rle_mask"),
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
