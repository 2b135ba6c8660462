from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer import rle
from salt_infer.errors import LabelError
from salt_infer.labels import Labels, read_rows
from salt_train import synthetic


def read(path: Path, ids: list[str]) -> np.ndarray:
    with Labels(path) as labels:
        return labels.masks(ids)


@pytest.fixture
def drawn(tmp_path: Path) -> tuple[Path, tuple[str, ...], np.ndarray]:
    data = synthetic.draw(6, seed=3)
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
        ("", "starts with"),
        ("id,rle_mask\na,1 2\na,\n", "line 3: id 'a' appears a second time"),
        ("id,rle_mask\na\n", "line 2: 1 columns"),
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
