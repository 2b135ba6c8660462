from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from salt_infer.errors import InputError, SaltError, TileError
from salt_infer.png import MAX_FILE_BYTES
from salt_infer.tiles import open_tiles, shown
from tests.pngs import good_tile


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good_tile())
    return folder


def pack(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, good_tile())
    return path


NAMES = (
    "b.png",
    "deep/er/a.PNG",
    "deep/c.png",
    "._b.png",
    "__MACOSX/x.png",
    "notes.txt",
    ".h/d.png",
)


def test_a_folder_and_its_zip_list_the_same_sorted_ids(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path / "tiles", *NAMES)) as source:
        folder = [tile.id for tile in source.tiles if ".h" not in tile.path]
    with open_tiles(pack(tmp_path / "tiles.zip", *NAMES)) as source:
        assert [tile.id for tile in source.tiles] == folder == ["a", "b", "c"]


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path, "a.png", ".h/d.png")) as source:
        assert [tile.id for tile in source.tiles] == ["a"]


def test_bytes_come_back(tmp_path: Path) -> None:
    for path in (put(tmp_path / "t", "a.png"), pack(tmp_path / "t.zip", "a.png")):
        with open_tiles(path) as source:
            assert source.read(source.tiles[0]) == good_tile()


def test_two_tiles_with_one_id_are_both_named(tmp_path: Path) -> None:
    names = ("images/x.png", "masks/x.png")
    for path in (put(tmp_path / "t", *names), pack(tmp_path / "t.zip", *names)):
        with pytest.raises(InputError, match=r"'x': .*images/x\.png and .*masks/x\.png"):
            open_tiles(path)


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b.png")
    put(tmp_path / "tiles", "a.png")
    (tmp_path / "tiles/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tiles/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tiles/loop").symlink_to(tmp_path / "tiles")
    (tmp_path / "tiles/nowhere").symlink_to(tmp_path / "missing")
    with open_tiles(tmp_path / "tiles") as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_tiles(tmp_path / "missing")
    with pytest.raises(InputError, match=r"holds no \.png files"):
        open_tiles(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="neither a directory nor a readable zip"):
        open_tiles(tmp_path / "x.zip")


def test_what_is_not_a_file_cannot_block_a_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "missing")
    with open_tiles(tmp_path) as source:
        dangling, pipe = source.tiles
        with pytest.raises(TileError, match="not a regular file"):
            source.read(pipe)
        with pytest.raises(TileError, match="No such file"):
            source.read(dangling)


def test_a_vanished_tile(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path, "a.png")) as source:
        (tmp_path / "a.png").unlink()
        with pytest.raises(TileError, match="No such file"):
            source.read(source.tiles[0])


def test_a_zip_bomb_is_read_no_further_than_a_tile(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(200_000_000))
    with open_tiles(tmp_path / "t.zip") as source:
        assert len(source.read(source.tiles[0])) == MAX_FILE_BYTES + 1


def test_zips_as_windows_writes_them(tmp_path: Path) -> None:
    path = pack(tmp_path / "t.zip", "images\\b.png", "scan.png/", "scan.png/a.png")
    with open_tiles(path) as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]
        assert source.read(source.tiles[1]) == good_tile()


def test_a_folder_that_cannot_be_listed_is_no_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.png", "secret/b.png")
    honest = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("secret"):  # root may list anything, whatever the mode says
            raise PermissionError(13, "Permission denied", path)
        return honest(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"secret cannot be listed \(Permission denied\)"):
        open_tiles(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damage_at_any_byte_of_a_zip(tmp_path: Path, method: int) -> None:
    """Opening or reading gives the tile or one of our errors, never another exception."""
    with zipfile.ZipFile(tmp_path / "t.zip", "w", method) as archive:
        archive.writestr("é.png", good_tile())
    data = (tmp_path / "t.zip").read_bytes()
    for position in range(0, len(data), 3):
        broken = bytearray(data)
        broken[position] ^= 0xFF
        (tmp_path / "x.zip").write_bytes(bytes(broken))
        try:
            with open_tiles(tmp_path / "x.zip") as source:
                assert len(source.read(source.tiles[0])) <= MAX_FILE_BYTES + 1
        except SaltError as error:
            assert str(error)


def test_a_damaged_zip_entry_is_a_bad_tile(tmp_path: Path) -> None:
    path = pack(tmp_path / "t.zip", "a.png")
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))
    with open_tiles(path) as source, pytest.raises(TileError, match="from the zip"):
        source.read(source.tiles[0])


@pytest.mark.parametrize("name", ["two\nlines.png", os.fsdecode(b"not-utf8-\xff.png")])
def test_names_that_no_csv_should_hold(tmp_path: Path, name: str) -> None:
    with open_tiles(put(tmp_path, name)) as source, pytest.raises(TileError, match="rename it"):
        source.read(source.tiles[0])


def test_shown_escapes_what_a_terminal_should_not_get() -> None:
    assert shown("tile-1.png") == "tile-1.png"
    assert shown("a\n\x1b[2J") == r"'a\n\x1b[2J'"
