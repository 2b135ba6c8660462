from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer import rle
from salt_train import dataset, synthetic
from salt_train.errors import DataError

DATA = synthetic.draw(5, seed=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    synthetic.write(DATA, root)
    (root / "tiles").rename(root / "images")
    return root


def check(path: Path) -> None:
    loaded = dataset.load(path)
    assert loaded.ids == DATA.ids
    np.testing.assert_array_equal(loaded.tiles, DATA.tiles)
    np.testing.assert_array_equal(loaded.masks, DATA.masks)


def write_csv(path: Path) -> None:
    rows = zip(DATA.ids, rle.encode(DATA.masks), strict=True)
    path.write_text("id,rle_mask\n" + "".join(f"{name},{text}\n" for name, text in rows))


def test_images_and_masks(folder: Path) -> None:
    check(folder)


def test_images_and_a_csv(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    write_csv(folder / "train.csv")
    check(folder)


def test_the_competitions_layouts(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "kaggle" / "train.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for path in folder.rglob("*.png"):
            file.write(path, path.relative_to(folder))
    check(archive)
    check(archive.parent)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    images_only = tmp_path / "with-csv" / "images.zip"
    images_only.parent.mkdir()
    with zipfile.ZipFile(images_only, "w") as file:
        for path in (folder / "images").iterdir():
            file.write(path, f"images/{path.name}")
    with pytest.raises(DataError, match=r"holds no \.png files"):
        dataset.load(images_only)
    write_csv(images_only.parent / "train.csv")
    check(images_only)
    folder.rename(unpacked / "train")
    check(unpacked)
    shutil.rmtree(unpacked / "train/masks")
    write_csv(unpacked / "train.csv")
    check(unpacked)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected images/ and masks/"):
        dataset.load(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"neither masks/ nor train\.csv"):
        dataset.load(tmp_path)


def test_a_missing_mask_is_named(folder: Path) -> None:
    (folder / "masks" / f"{DATA.ids[2]}.png").unlink()
    with pytest.raises(DataError, match=f"no label for 1 of 5 tiles: {DATA.ids[2]}"):
        dataset.load(folder)


def test_a_bad_tile_is_named(folder: Path) -> None:
    (folder / "images" / f"{DATA.ids[1]}.png").write_bytes(b"")
    with pytest.raises(DataError, match=rf"{DATA.ids[1]}\.png: empty file"):
        dataset.load(folder)
