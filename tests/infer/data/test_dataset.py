from __future__ import annotations

import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path
from typing import IO

import pytest

from salt_infer.data import dataset
from salt_infer.errors import InputError, LabelError
from salt_infer.masks import rle
from salt_train import synthetic
from tests import drawing
from tests.pngs import pack

DATA = drawing.draw(3, seed=4)


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
    layout = dataset.find(path)
    with layout.open("images") as source, layout.labels() as labels:
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
        dataset.find(root)
    rows = zip(DATA.ids, rle.encode(DATA.masks), strict=True)
    text = "".join(f"{name},{text}\n" for name, text in rows)
    (root / "train.csv").write_text("id,rle_mask\n" + text)
    assert read(root)


@pytest.mark.parametrize("inside", ["", "train/"])
def test_a_table_beside_a_zip_of_other_tiles_was_not_named(
    root: Path, tmp_path_factory: pytest.TempPathFactory, inside: str
) -> None:
    place = tmp_path_factory.mktemp("place")
    shutil.rmtree(root / "masks")
    if inside:
        (root / inside).mkdir()
        (root / "images").rename(root / inside / "images")
    path = packed(root, place / "test.zip")
    (place / "train.csv").write_text("id,rle_mask\nother,\n")
    said = (
        f"{path} has no masks/; {place}/train.csv beside it, taken as its labels, has no label "
        f"for 3 of 3 tiles: {', '.join(DATA.ids)}; its 1 labels are of others: other"
    )
    with dataset.find(path).labels() as labels, pytest.raises(LabelError) as error:
        labels.check(DATA.ids)
    assert str(error.value) == said


def test_a_table_beside_the_tiles_is_theirs(root: Path) -> None:
    shutil.rmtree(root / "masks")
    (root / "train.csv").write_text("id,rle_mask\nother,\n")
    with dataset.find(root).labels() as labels, pytest.raises(LabelError) as error:
        labels.check(DATA.ids)
    assert str(error.value).startswith(f"{root}/train.csv has no label for 3 of 3 tiles: ")


def test_one_folder_of_several_or_all(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    archive = packed(root, tmp_path_factory.mktemp("zip") / "x.zip")
    for path in (root, archive, root / "images"):
        with dataset.open_within(path, "images") as source:
            assert [tile.id for tile in source.tiles] == list(DATA.ids)
    with pytest.raises(InputError, match="two tiles have the id"):
        (root / "masks").rename(root / "other")
        dataset.open_within(root, "masks")
    with pytest.raises(InputError, match="does not exist"):
        dataset.open_within(root / "nowhere", "images")


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
    with dataset.open_images(path) as source, dataset.open_labels(path) as labels:
        assert [tile.id for tile in source.tiles] == list(DATA.ids) == labels.ids
        assert (labels.masks(DATA.ids) == DATA.masks).all()


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_of_a_data_set_whose_labels_do_not_count_everywhere(
    root: Path, tmp_path_factory: pytest.TempPathFactory, kind: str
) -> None:
    """Its tiles are what is run; no score is told of unknown pixels as if they had no salt."""
    shutil.copytree(root / "masks", root / "unknown")
    path = root if kind == "folder" else packed(root, tmp_path_factory.mktemp("zip") / "x.zip")
    with dataset.open_images(path) as source:
        assert [tile.id for tile in source.tiles] == list(DATA.ids)
    (root / "train.csv").write_text("id,rle_mask\n")
    (root / "link").symlink_to(root / "masks")
    for labels in (path, root / "masks", root / "train.csv", root / "link"):
        with pytest.raises(InputError, match="there is unknown/ beside these labels, so that"):
            dataset.open_labels(labels)
    assert dataset.find(path).unknown == path / "unknown"
    shutil.rmtree(root / "masks")
    with dataset.open_images(root) as source:
        assert len(source.tiles) == 3


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
    with dataset.open_images(path) as source:
        assert [tile.id for tile in source.tiles] == ["a"]
    assert len(reads) == 1
    with dataset.open_labels(path) as labels:
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
            dataset.open_images(path)


def test_what_is_no_data_set_is_opened_as_ever(root: Path, tmp_path: Path) -> None:
    with dataset.open_images(root / "images") as source:
        assert len(source.tiles) == 3
    (tmp_path / "list.txt").write_text(f"{DATA.ids[0]}\n")
    with dataset.open_images(tmp_path / "list.txt") as source:
        assert len(source.tiles) == 1
    (tmp_path / "x.zip").write_bytes(b"no zip")
    os.mkfifo(tmp_path / "pipe.zip")  # reading it would never end
    for path in (tmp_path / "x.zip", tmp_path / "missing", tmp_path / "pipe.zip", Path("x" * 300)):
        with pytest.raises(InputError):
            dataset.open_images(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training data"):
        dataset.find(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="neither a directory nor a readable zip"):
        dataset.find(tmp_path / "x.zip")
    (tmp_path / "train.csv").write_text("id,rle_mask\n")
    with pytest.raises(InputError, match=f"is a table, expected the folder .*, such as {tmp_path}"):
        dataset.find(tmp_path / "train.csv")


def test_a_folder_may_be_called_like_a_table(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "set.csv" / name).mkdir(parents=True)
    assert dataset.find(tmp_path / "set.csv").masks == tmp_path / "set.csv" / "masks"


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_tiles_beside_a_data_set_are_not_left_out(root: Path, place: Path, kind: str) -> None:
    path = place / "x"
    shutil.copytree(root, path)
    (path / "z.png").write_bytes(b"")
    if kind == "zip":
        path = zipped(path, place / "x.zip")
    with pytest.raises(InputError, match=r"x(\.zip)? holds 1 \.png files beside images/ and "):
        dataset.open_images(path)
    assert dataset.find(path).images.name == "images"  # to train on they are nothing


def wrap(root: Path, inside: str, download: Path) -> Path:
    """The data set below another folder, beside what other systems leave there."""
    shutil.copytree(root, download / inside)
    for name in ("__MACOSX", ".git"):
        (download / name).mkdir()
        (download / name / "._x.png").write_bytes(b"")
    (download / "README.txt").write_text("read me")
    return download


def zipped(folder: Path, path: Path, name: str = "{}") -> Path:
    """All of a folder, each name written in some way."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            inside = name.format(file.relative_to(folder).as_posix())
            inside = inside.replace("/", "\\") if name.startswith("back") else inside
            archive.writestr(inside, file.read_bytes())
    return path


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


def table_for_masks(root: Path) -> None:
    shutil.rmtree(root / "masks")
    rows = zip(DATA.ids, rle.encode(DATA.masks), strict=True)
    text = "".join(f"{name},{text}\n" for name, text in rows)
    (root / "train.csv").write_text("id,rle_mask\n" + text)


@pytest.mark.parametrize("inside", ["train", "tgs", "a/b/c"])
@pytest.mark.parametrize("labels", ["masks", "table"])
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_folder_around_it_all_is_looked_through(
    root: Path, place: Path, kind: str, labels: str, inside: str
) -> None:
    if labels == "table":
        table_for_masks(root)
    path = wrap(root, inside, place / "x")
    path = zipped(path, place / "x.zip") if kind == "zip" else path
    assert read(path)
    with dataset.open_images(path) as source, dataset.open_labels(path) as known:
        assert [tile.id for tile in source.tiles] == list(DATA.ids)
        assert (known.masks(DATA.ids) == DATA.masks).all()


@pytest.mark.usefixtures("zips")
def test_a_part_of_a_zip_with_masks_is_of_its_tiles(root: Path, place: Path) -> None:
    """As a job on another machine has it: masks of the same ids are in no tile's way."""
    with dataset.open_images(zipped(root, place / "x.zip")) as source:
        part = pickle.loads(pickle.dumps(source.part(source.tiles[1:])))  # ours
        assert part.read(part.tiles[0]) == source.read(source.tiles[1])
        assert part.stamp(part.tiles[0]) == source.stamp(source.tiles[1])


@pytest.mark.parametrize("name", ["./{}", "/{}", "back/{}"])
def test_names_of_a_zip_however_they_are_written(root: Path, place: Path, name: str) -> None:
    assert read(zipped(root, place / "x.zip", name))


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_the_whole_download_in_one(root: Path, place: Path, kind: str) -> None:
    """The table beside train/, and tiles without labels in test/: these are no training data, and
    must not be left out where tiles are asked for.
    """
    table_for_masks(root)
    (place / "x").mkdir()
    shutil.copytree(root, place / "x" / "train")
    (place / "x" / "train" / "train.csv").rename(place / "x" / "train.csv")
    shutil.copytree(root / "images", place / "x" / "test" / "images")
    path = zipped(place / "x", place / "x.zip") if kind == "zip" else place / "x"
    assert read(path)
    with dataset.open_labels(path) as known:
        assert (known.masks(DATA.ids) == DATA.masks).all()
    with pytest.raises(InputError, match="two tiles have the id"):
        dataset.open_images(path)


def test_a_packed_download_in_a_folder(root: Path, place: Path) -> None:
    (place / "tgs").mkdir()
    zipped(root, place / "tgs" / "train.zip")
    shutil.copytree(root / "images", place / "tgs" / "test")
    assert read(place)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_tiles_are_never_taken_for_masks(root: Path, place: Path, kind: str) -> None:
    """Blank ones would be full of salt, the others be refused when the run is over."""
    shutil.rmtree(root / "masks")
    path = zipped(root, place / "x.zip") if kind == "zip" else root
    with pytest.raises(InputError, match=r"neither masks/ nor train\.csv .*; it holds images/$"):
        dataset.open_labels(path)
    (place / "only").mkdir()
    shutil.copy(root / "images" / f"{DATA.ids[0]}.png", place / "only")
    assert dataset.open_labels(place / "only").ids == [DATA.ids[0]]


def test_a_zip_of_zips_says_so(root: Path, place: Path) -> None:
    for name in ("train.zip", "test.zip"):
        zipped(root, place / name)
    (place / "train.csv").write_text("id,rle_mask\n")
    outer = zipped(place, place / "competition.zip")
    for opened in (dataset.find, dataset.open_images, dataset.open_labels):
        with pytest.raises(
            InputError, match=r"holds test\.zip, train\.csv, train\.zip: .* unpack it"
        ):
            opened(outer)


def says(path: Path) -> str:
    with pytest.raises(InputError) as refused:
        dataset.find(path)
    return str(refused.value)


def test_what_is_there_instead_is_said(
    root: Path, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And what to name."""
    assert says(place).endswith("; it holds nothing")
    assert says(place / "missing").endswith(
        "it cannot be found, or is neither a directory nor a zip"
    )
    assert says(root / "images").endswith(
        f"it holds 3 .png files: name the folder above it, {root}"
    )
    shutil.copytree(root, place / "north")
    shutil.copytree(root, place / "south")
    assert says(place).endswith(
        f"it holds north/, south/: name {place / 'north'} or {place / 'south'}"
    )
    (place / "north").rename(place / "train")  # the other one would be left out without a word
    assert says(place).endswith(f"name {place / 'south'} or {place / 'train'}")
    (place / "train").rename(place / "north")
    halves = tmp_path_factory.mktemp("halves")
    for name in ("images", "masks"):
        zipped(root / name, halves / f"{name}.zip")
    assert says(halves).endswith(": unpack images.zip and masks.zip there, into images/ and masks/")
    two = zipped(place, place / "two.zip")
    assert says(two).endswith("it holds north/, south/: pack only one of them, north or south")
    shutil.rmtree(place / "north")
    shutil.rmtree(place / "south")
    two.unlink()
    zipped(root, place / "salt.zip")
    assert says(place).endswith(f"it holds salt.zip: name {place / 'salt.zip'}")
    (root / "masks").rename(root / "labels")
    assert re.search("neither masks/ nor .* in images/; it holds images/, labels/$", says(root))


def test_a_table_in_a_zip_that_cannot_be_read(root: Path, place: Path) -> None:
    table_for_masks(root)
    (root / "train.csv").write_bytes(b"id,rle_mask\n\xff,\n")
    with pytest.raises(LabelError, match=r"x\.zip/train\.csv cannot be read as CSV"):
        dataset.find(zipped(root, place / "x.zip")).labels()
    path = place / "y.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(root / "images" / f"{DATA.ids[0]}.png", "images/a.png")
        archive.writestr("train.csv", "id,rle_mask\n")
    with pytest.raises(LabelError, match="not stored or deflated"):
        dataset.find(path).labels()


def test_a_table_above_the_current_folder(
    root: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_for_masks(root)
    shutil.copytree(root / "images", place / "train" / "images")
    shutil.copy(root / "train.csv", place)
    monkeypatch.chdir(place / "train")
    assert read(Path())


@pytest.mark.parametrize("name", ["x.sgy", "x.SEGY", "x.zarr", "x.bin"])
def test_a_survey_in_place_of_tiles(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "x.zarr":
        path.mkdir()
    else:
        path.write_bytes("C 1 CLIENT".ljust(3200).encode("cp037") + bytes(600))
    with pytest.raises(
        InputError, match="is a survey, which salt-survey run takes; expected a dir"
    ):
        dataset.open_images(path)
    with pytest.raises(InputError, match="it is a survey, in which salt-survey run finds salt"):
        dataset.find(path)


@pytest.mark.parametrize("name", ["coco.json", "a.GeoJSON"])
def test_labels_of_other_programs_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"table of id,rle_mask, or .* draw masks of polygons"):
        dataset.open_labels(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "says"), [("a.JPG", "save pictures as PNG"), ("a.npy", "salt_infer.stretched")]
)
def test_how_other_files_become_tiles_is_told(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"it holds {name}; .*{says}"):
        dataset.open_images(tmp_path)
