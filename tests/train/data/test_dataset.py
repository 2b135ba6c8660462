from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data import png
from salt_infer.errors import InputError
from salt_infer.masks import rle
from salt_train import synthetic
from salt_train.data import dataset
from salt_train.data.dataset import Dataset
from salt_train.errors import DataError
from tests import drawing

DATA = drawing.draw(5, seed=0)


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


def write_unknown(root: Path, name: str, pixels: np.ndarray) -> None:
    (root / "unknown").mkdir(exist_ok=True)
    (root / "unknown" / f"{name}.png").write_bytes(png.encode(pixels.astype(np.uint8) * 255))


@pytest.mark.parametrize("kind", ["folder", "zip", "table"])
def test_masks_may_not_count_everywhere(folder: Path, kind: str) -> None:
    """And of tiles without a file for it they do."""
    pixels = np.zeros((101, 101))
    pixels[20:70, 40:] = 1
    write_unknown(folder, DATA.ids[1], pixels)
    if kind == "table":
        shutil.rmtree(folder / "masks")
        write_csv(folder / "train.csv")
    path = folder
    if kind == "zip":
        path = Path(shutil.make_archive(str(folder), "zip", folder))
    loaded = dataset.load(path)
    expected = np.zeros_like(DATA.masks)
    expected[1] = pixels
    assert loaded.unknown is not None
    np.testing.assert_array_equal(loaded.unknown, expected)
    np.testing.assert_array_equal(loaded.masks, DATA.masks * (1 - expected))
    assert loaded.sha256 != DATA.sha256
    chosen = np.arange(5) > 0
    np.testing.assert_array_equal(loaded.subset(chosen).unknown, expected[1:])
    for pair, at in ((loaded.joined(DATA), 0), (DATA.joined(loaded), 5)):
        assert pair.unknown is not None
        np.testing.assert_array_equal(pair.unknown[at : at + 5], expected)
        assert np.count_nonzero(pair.unknown) == np.count_nonzero(expected)
    assert DATA.joined(DATA).unknown is None


def test_what_is_unknown_is_of_a_tile(folder: Path) -> None:
    write_unknown(folder, "other", np.ones((101, 101)))
    with pytest.raises(DataError, match=r"unknown has 1 files without a tile, such as other; they"):
        dataset.load(folder)
    (folder / "unknown" / "other.png").unlink()
    write_unknown(folder, DATA.ids[2], np.ones((101, 101)))
    with pytest.raises(DataError, match=f"1 tiles have no pixel that is known .{DATA.ids[2]}.: th"):
        dataset.load(folder)
    (folder / "unknown" / f"{DATA.ids[2]}.png").unlink()
    with pytest.raises(InputError, match="unknown"):
        dataset.load(folder)


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
    with pytest.raises(InputError, match=r"images\.zip has neither masks/ nor train\.csv"):
        dataset.load(images_only)
    write_csv(images_only.parent / "train.csv")
    check(images_only)
    folder.rename(unpacked / "train")
    check(unpacked)
    shutil.rmtree(unpacked / "train/masks")
    write_csv(unpacked / "train.csv")
    check(unpacked)


def test_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected images/ and masks/"):
        dataset.load(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"neither masks/ nor train\.csv"):
        dataset.load(tmp_path)


def test_a_missing_mask_is_named(folder: Path) -> None:
    (folder / "masks" / f"{DATA.ids[2]}.png").unlink()
    with pytest.raises(DataError, match=f"no label for 1 of 5 tiles: {DATA.ids[2]}"):
        dataset.load(folder)


def test_a_bad_tile_is_named(folder: Path) -> None:
    (folder / "images" / f"{DATA.ids[1]}.png").write_bytes(b"")
    with pytest.raises(
        DataError, match=f"1 of 5 tiles cannot be read.*\n +{DATA.ids[1]}: empty file"
    ):
        dataset.load(folder)


def test_a_bad_tile_with_a_hostile_name_is_named_harmlessly(folder: Path) -> None:
    for part in ("images", "masks"):
        (folder / part / f"{DATA.ids[0]}.png").rename(folder / part / "a\x1b[31mb.png")
    (folder / "images" / "a\x1b[31mb.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"mend or remove them:\n +'?a\\x1b\[31mb'?: ") as caught:
        dataset.load(folder)
    assert str(caught.value).replace("\n", "").isprintable()


def as_zip(folder: Path) -> Path:
    """The folder in a zip, with a train.csv beside that has every label."""
    archive = folder.parent / "zipped" / "train.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    write_csv(archive.parent / "train.csv")
    return archive


def refused(path: Path) -> str:
    with pytest.raises((DataError, InputError)) as caught:
        dataset.load(path)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [False, True])
def test_masks_that_cannot_be_listed_are_not_passed_over(folder: Path, zipped: bool) -> None:
    write_csv(folder.parent / "train.csv")
    (folder / "masks" / "again").mkdir()
    shutil.copy(folder / "masks" / f"{DATA.ids[0]}.png", folder / "masks" / "again")
    place = as_zip(folder) if zipped else folder
    assert f"two tiles have the id '{DATA.ids[0]}'" in refused(place)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_masks_folder_without_masks_is_not_passed_over(folder: Path, zipped: bool) -> None:
    write_csv(folder.parent / "train.csv")
    for path in (folder / "masks").iterdir():
        path.unlink()
    place = as_zip(folder) if zipped else folder
    assert "masks holds no .png files" in refused(place)


def test_a_broken_mask_in_a_zip_is_named(folder: Path) -> None:
    (folder / "masks" / f"{DATA.ids[3]}.png").write_bytes(b"")
    assert f"train.zip/masks: label of {DATA.ids[3]}: empty file" in refused(as_zip(folder))


def test_masks_come_before_a_table(folder: Path) -> None:
    rows = "".join(f"{name},\n" for name in DATA.ids)
    (folder / "train.csv").write_text("id,rle_mask\n" + rows)
    check(folder)


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "train.zip"
    path.write_bytes(b"PK")
    for place in (path, tmp_path):
        assert "train.zip is neither a directory nor a readable zip file" in refused(place)


def test_tiles_are_told_by_their_pixels_alone() -> None:
    tiles = DATA.tiles.copy()
    tiles[1], tiles[3] = 7, 0
    tiles[2, 50, 50] ^= 1
    other = Dataset(tuple("abcde"), tiles[::-1], DATA.masks)
    assert DATA.pixels_in(other).tolist() == [True, False, False, False, True]
    assert other.pixels_in(DATA).tolist() == [True, False, False, False, True]
    assert other.pixels_in(other.subset(other.blank)).tolist() == other.blank.tolist()
    assert other.blank.tolist() == [False, True, False, True, False]
    nothing = other.subset(np.zeros(5, dtype=bool))
    assert nothing.blank.shape == nothing.pixels_in(other).shape == (0,)
    assert not other.pixels_in(nothing).any()


def without(folder: Path, names: tuple[str, ...], labels: str) -> None:
    """Take the labels of some tiles away."""
    if labels == "masks":
        for name in names:
            (folder / "masks" / f"{name}.png").unlink()
        return
    shutil.rmtree(folder / "masks")
    rows = zip(DATA.ids, rle.encode(DATA.masks), strict=True)
    lines = [f"{name},{text}\n" for name, text in rows if name not in names]
    (folder / "train.csv").write_text("id,rle_mask\n" + "".join(lines))


@pytest.mark.parametrize("labels", ["masks", "table"])
def test_a_tile_without_a_label_has_no_salt_if_one_says_so(folder: Path, labels: str) -> None:
    chosen = DATA.ids[1], DATA.ids[3]
    without(folder, chosen, labels)
    with pytest.raises(DataError, match=r"for 2 of 5 tiles: .* label too: .*; --missing-as-empty"):
        dataset.load(folder)
    loaded = dataset.load(folder, missing_as_empty=True)
    assert loaded.assumed == chosen
    for name, mask, truth in zip(loaded.ids, loaded.masks, DATA.masks, strict=True):
        np.testing.assert_array_equal(mask, 0 * truth if name in chosen else truth)
    assert dataset.load(folder, missing_as_empty=True).sha256 == loaded.sha256


def test_masks_with_other_names_are_never_taken_for_missing(folder: Path) -> None:
    for path in (folder / "masks").iterdir():
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    hint = f"there is {DATA.ids[0]}_mask: is it meant for {DATA.ids[0]}?"
    with pytest.raises(DataError, match=f"no label for 5 of 5 tiles: .*{re.escape(hint)}$"):
        dataset.load(folder)
    with pytest.raises(DataError, match="none is taken for empty while 5 labels have no tile"):
        dataset.load(folder, missing_as_empty=True)
