from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import IO

import pytest

from salt_infer import layout, rle
from salt_infer.errors import InputError
from salt_train import synthetic
from tests.pngs import pack

DATA = synthetic.draw(3, seed=4)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    synthetic.write(DATA, tmp_path)
    (tmp_path / "tiles").rename(tmp_path / "images")
    return tmp_path


def packed(root: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, file.relative_to(root))
    return path


def read(path: Path) -> bool:
    """Whether what is found there is what was drawn."""
    place = layout.find(path)
    with place.open("images") as source, place.labels() as labels:
        ids = [tile.id for tile in source.tiles]
        return ids == list(DATA.ids) and (labels.masks(ids) == DATA.masks).all()


def test_a_folder_and_a_zip_hold_the_same(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    download = tmp_path_factory.mktemp("download")
    archive = packed(root, download / "train.zip")
    assert read(root)
    assert read(archive)
    assert read(download)


def test_a_table_beside_the_tiles(root: Path) -> None:
    for mask in (root / "masks").iterdir():
        mask.unlink()
    (root / "masks").rmdir()
    with pytest.raises(InputError, match="neither masks/ nor"):
        layout.find(root)
    rows = zip(DATA.ids, rle.encode(DATA.masks), strict=True)
    text = "".join(f"{name},{text}\n" for name, text in rows)
    (root / "train.csv").write_text("id,rle_mask\n" + text)
    assert read(root)


def test_one_folder_of_several_or_all(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    archive = packed(root, tmp_path_factory.mktemp("zip") / "x.zip")
    for path in (root, archive, root / "images"):
        with layout.open_within(path, "images") as source:
            assert [tile.id for tile in source.tiles] == list(DATA.ids)
    with pytest.raises(InputError, match="two tiles have the id"):
        (root / "masks").rename(root / "other")
        layout.open_within(root, "masks")
    with pytest.raises(InputError, match="does not exist"):
        layout.open_within(root / "nowhere", "images")


@pytest.mark.parametrize("name", ["images", "tiles"])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_of_a_data_set_the_tiles_and_the_masks(
    root: Path, tmp_path_factory: pytest.TempPathFactory, kind: str, name: str
) -> None:
    (root / "images").rename(root / name)
    (root / ".hidden").mkdir()
    (root / "train.csv").write_text("not looked at")
    path = root if kind == "folder" else packed(root, tmp_path_factory.mktemp("zip") / "x.zip")
    assert read(path)
    with layout.open_images(path) as source, layout.open_labels(path) as labels:
        assert [tile.id for tile in source.tiles] == list(DATA.ids) == labels.ids
        assert (labels.masks(DATA.ids) == DATA.masks).all()


@pytest.mark.parametrize("names", [("images/a.png", "masks/a.png"), ("a.png",)])
def test_the_table_of_a_zip_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """It may be long: a million tiles take seconds."""
    path, reads = pack(tmp_path / "x.zip", *names), list[object]()

    class Counted(zipfile.ZipFile):
        def __init__(self, file: IO[bytes]) -> None:
            reads.append(file)
            super().__init__(file)

    monkeypatch.setattr(zipfile, "ZipFile", Counted)
    with layout.open_images(path) as source:
        assert [tile.id for tile in source.tiles] == ["a"]
    assert len(reads) == 1
    with layout.open_labels(path) as labels:
        assert labels.ids == ["a"]
    assert len(reads) == 2


def test_with_another_folder_it_is_no_data_set(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Tiles of a third folder must not be left out without a word."""
    (root / "more").mkdir()
    (root / "masks" / f"{DATA.ids[0]}.png").rename(root / "more" / "x.png")
    for path in (root, packed(root, tmp_path_factory.mktemp("zip") / "x.zip")):
        with pytest.raises(InputError, match="two tiles have the id"):
            layout.open_images(path)


def test_what_is_no_data_set_is_opened_as_ever(root: Path, tmp_path: Path) -> None:
    with layout.open_images(root / "images") as source:
        assert len(source.tiles) == 3
    (tmp_path / "list.txt").write_text(f"{DATA.ids[0]}\n")
    with layout.open_images(tmp_path / "list.txt") as source:
        assert len(source.tiles) == 1
    (tmp_path / "x.zip").write_bytes(b"no zip")
    os.mkfifo(tmp_path / "pipe.zip")  # reading it would never end
    for path in (tmp_path / "x.zip", tmp_path / "missing", tmp_path / "pipe.zip", Path("x" * 300)):
        with pytest.raises(InputError):
            layout.open_images(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training data"):
        layout.find(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="neither a directory nor a readable zip"):
        layout.find(tmp_path / "x.zip")
