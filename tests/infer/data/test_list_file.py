from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data import list_file
from salt_infer.data.factory import open_tiles
from salt_infer.data.list_file import TileList
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.source import Tile
from salt_infer.errors import BadTilesError, InputError, TileError
from salt_infer.job import job
from salt_infer.job.job import Job
from salt_infer.job.watcher import Watcher
from salt_infer.masks import table
from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.png, images/a.png, images/b.png, deep/c.PNG and, elsewhere, d.png."""
    for name in ("x/a.png", "x/images/a.png", "x/images/b.png", "x/deep/c.PNG", "d.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "x"


def listed(path: Path, text: str) -> dict[str, str]:
    """What is read of each tile of a list, or why not."""
    path.write_text(text, newline="")
    found = {}
    with open_tiles(path) as source:
        assert isinstance(source, TileList)
        for tile in source.tiles:
            try:
                found[tile.id] = source.read(tile).decode()
            except TileError as error:
                found[tile.id] = str(error)
    return found


EVERYTHING = {"a": "x/a.png", "b": "x/images/b.png", "c": "x/deep/c.PNG", "d": "d.png"}
MISSING = "cannot be read (No such file or directory)"


def test_paths_and_ids(folder: Path) -> None:
    text = f"a\nb\r\n\n  deep/c.PNG \n{folder.parent / 'd.png'}"
    assert listed(folder / "list.txt", text) == EVERYTHING
    assert listed(folder / "LIST.TXT", "\ufeffa\nb\ndeep/c.PNG\n../d\n") == EVERYTHING


def test_a_stamp_says_which_file_wherever_it_is_asked_from(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working directory is looked up once, and not for each tile."""
    (folder / "list.txt").write_text("a.png")
    monkeypatch.chdir(folder)
    with open_tiles(Path("list.txt")) as near, open_tiles(folder / "list.txt") as far:
        monkeypatch.setattr(Path, "cwd", lambda: pytest.fail("asked again"))
        monkeypatch.setattr(os, "getcwd", Path.cwd)
        assert near.tiles[0].path != far.tiles[0].path
        assert near.stamp(near.tiles[0]) == far.stamp(far.tiles[0])
        assert str(folder) in near.stamp(near.tiles[0])


def test_a_path_is_looked_for_where_it_says(folder: Path) -> None:
    assert listed(folder / "list.txt", "b.png\nimages/a") == {"b": MISSING, "a": "x/images/a.png"}


def test_columns(folder: Path) -> None:
    rows = 'path,z\na.png,1\nimages/b.png,2\n\n"deep/c.PNG",3\n../d.png,4\n'
    assert listed(folder / "list.csv", rows) == EVERYTHING
    assert listed(folder / "list.csv", "id,rle_mask\na,1 1\r\nb,\r\n") == {
        "a": "x/a.png",
        "b": "x/images/b.png",
    }
    both = "path, id\na.png,first\nimages/a.png,second\n"
    assert listed(folder / "list.csv", both) == {"first": "x/a.png", "second": "x/images/a.png"}


def test_a_tile_that_is_not_there_is_listed_and_bad(folder: Path) -> None:
    (folder / "images/dir.png").mkdir()
    found = listed(folder / "list.txt", f"a\nnowhere\nno/where.png\ndir\nn\0l/x\n{'y' * 300}\n")
    assert found == {
        "a": "x/a.png",
        "nowhere": MISSING,
        "where": MISSING,
        "dir": "not a regular file",
        "x": "cannot be read (embedded null byte)",
        "y" * 300: "cannot be read (File name too long)",
    }


def test_reading_is_bounded(folder: Path) -> None:
    (folder / "a.png").write_bytes(bytes(MAX_FILE_BYTES + 1000))
    assert len(listed(folder / "list.txt", "a")["a"]) == MAX_FILE_BYTES + 1


def test_names_that_no_csv_should_hold(folder: Path) -> None:
    assert "rename it" in listed(folder / "list.csv", 'id\n"a\nb"\n')["a\nb"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("l.txt", b"", "names no tiles"),
        ("l.txt", b" \n\n", "names no tiles"),
        ("l.csv", b"", "starts with '', expected a header"),
        ("l.csv", b"id\n", "names no tiles"),
        ("l.csv", b"name,z\na,1\n", "starts with 'name,z', expected a header"),
        ("l.csv", b"id,path,path\na,x,y\n", "has the column path twice, expected it once"),
        ("l.csv", b"a\nb\n", "a list without a header is a .txt"),
        ("l.csv", b"id,z\na,1\nb\n", "l.csv, line 3: 1 columns, expected 2"),
        ("l.csv", b"id,path\na,x\n,b\n", "l.csv, line 3: an empty id or path"),
        ("l.csv", b'id\n"a\n', "cannot be read as CSV"),
        ("l.csv", b"id\n" + b"a" * 200_000, "cannot be read as CSV"),
        ("l.txt", b"a\nimages/a\n", "two tiles have the id 'a': .*x/a.png and .*images/a.png"),
        ("l.csv", b"id\na\na\n", "two tiles have the id 'a'"),
        ("l.txt", "é".encode("latin-1"), "cannot be read as a list in UTF-8"),
        ("l.txt", "a".encode("utf-16"), "cannot be read as a list in UTF-8"),
    ],
)
def test_what_is_no_list(folder: Path, name: str, text: bytes, says: str) -> None:
    (folder / name).write_bytes(text)
    with pytest.raises(InputError, match=says):
        open_tiles(folder / name)


def test_a_list_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_file, "MAX_LIST_BYTES", 10)
    (folder / "l.txt").write_text("a\n" * 6)
    with pytest.raises(InputError, match=r"l\.txt is larger than 10 bytes"):
        open_tiles(folder / "l.txt")


@given(data=st.binary(max_size=60), suffix=st.sampled_from(["txt", "csv"]))
def test_rubbish_is_tiles_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"rubbish.{suffix}"
    path.write_bytes(b"id\n" * (suffix == "csv") + data)
    try:
        found = open_tiles(path)
    except InputError as error:
        assert str(error).isprintable()
        return
    for tile in found.tiles:
        with pytest.raises(TileError):
            found.read(tile)


def test_a_job_takes_some_of_a_folders_tiles(tmp_path: Path) -> None:
    names = [path.stem for path in (ROOT / "examples/tiles").iterdir()]
    (tmp_path / "list.csv").write_text("\n".join(["id", *names[::2], "gone"]))
    (tmp_path / "images").symlink_to(ROOT / "examples/tiles")
    report = job.run(Job(tmp_path / "list.csv", tmp_path / "out.csv"), Watcher())
    assert table.read_rows(tmp_path / "out.csv").keys() == set(names[::2])
    assert [bad.tile.id for bad in report.bad] == ["gone"]


def test_a_list_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id\na\n")
    with pytest.raises(Exception, match="both read and written"):
        job.run(Job(path, path, overwrite=True), Watcher())
    assert path.read_text() == "id\na\n"


def test_a_url_in_a_list_is_named_as_it_stands_there(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("s3://bucket/a.png\n")
    (tile,) = TileList(tmp_path / "list.txt").tiles
    assert tile == Tile("a", "s3://bucket/a.png")


def test_lists_from_windows(folder: Path) -> None:
    text = 'a.png\r\n"images\\b.png"\r\ndeep\\c.PNG\r\n..\\d.png\r\n'
    assert listed(folder / "list.txt", text) == EVERYTHING
    assert listed(folder / "list.csv", "path\ndeep\\c.PNG\n") == {"c": EVERYTHING["c"]}
    assert listed(folder / "list.csv", "id,path\nmine,deep\\c.PNG\n") == {"mine": EVERYTHING["c"]}
    assert listed(folder / "list.txt", "C:\\tiles\\x.png") == {"x": MISSING}


def test_a_backslash_may_be_part_of_a_name(folder: Path) -> None:
    (folder / "deep\\c.PNG").write_bytes(b"itself")
    assert listed(folder / "list.txt", "deep\\c.PNG") == {"deep\\c": "itself"}


def test_where_no_tile_is_found_the_list_and_its_folder_are_named(folder: Path) -> None:
    (folder / "list.txt").write_text("C:\\tiles\\x.png\n")
    with pytest.raises(BadTilesError, match=f"from its own folder, {folder}$"):
        job.run(Job(folder / "list.txt", folder / "out.csv"), Watcher())


def test_true_masks_in_place_of_tiles_are_told(folder: Path) -> None:
    (folder / "train.csv").write_text("id,rle_mask\nx,1 2\n")
    with pytest.raises(BadTilesError, match="--labels takes those, --images wants tiles"):
        job.run(Job(folder / "train.csv", folder / "out.csv"), Watcher())
    for header in ("id,my_rle_mask_path", "path,rle_mask"):
        (folder / "other.csv").write_text(f"{header}\nx,1 2\n")
        with pytest.raises(BadTilesError, match=f"from its own folder, {folder}$"):
            job.run(Job(folder / "other.csv", folder / "out.csv"), Watcher())
