from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from salt_infer.data import folder
from salt_infer.data.factory import open_tiles
from salt_infer.errors import InputError, TileError
from salt_infer.system import resource_limits
from tests.pngs import good_tile, pack, put


def test_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path, "a.png", ".h/d.png")) as source:
        assert [tile.id for tile in source.tiles] == ["a"]


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "b.png")
    put(tmp_path / "tiles", "a.png")
    (tmp_path / "tiles/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tiles/again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "tiles/loop").symlink_to(tmp_path / "tiles")
    (tmp_path / "tiles/nowhere").symlink_to(tmp_path / "missing")
    with open_tiles(tmp_path / "tiles") as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]


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


@pytest.mark.parametrize("name", ["two\nlines.png", os.fsdecode(b"not-utf8-\xff.png")])
def test_names_that_no_csv_should_hold(tmp_path: Path, name: str) -> None:
    with open_tiles(put(tmp_path, name)) as source, pytest.raises(TileError, match="rename it"):
        source.read(source.tiles[0])


def test_a_link_that_may_not_be_followed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.png", "deep/b.png")
    honest = os.stat

    def refuse(path: object, **options: object) -> os.stat_result:
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(InputError, match=r"deep cannot be listed \(Permission denied\)"):
        open_tiles(tmp_path)


def test_links_to_themselves(tmp_path: Path) -> None:
    for name in ("a.png", "b"):
        (tmp_path / name).symlink_to(name)
    with open_tiles(tmp_path) as source:
        (tile,) = source.tiles
        with pytest.raises(TileError, match="Too many levels"):
            source.read(tile)


def test_folders_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/b/c/d.png")
    monkeypatch.setattr(folder, "MAX_FOLDERS", 4)
    open_tiles(tmp_path)
    monkeypatch.setattr(folder, "MAX_FOLDERS", 3)
    with pytest.raises(InputError, match="holds more than 3 folders"):
        open_tiles(tmp_path)


def test_what_was_swapped_after_a_look_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that takes a file's place between stat and open neither blocks nor is read."""
    put(tmp_path, "a.png")
    with open_tiles(tmp_path) as source:
        honest = os.open

        def swap(path: str, flags: int) -> int:
            Path(path).unlink()
            os.mkfifo(path)
            return honest(path, flags)

        monkeypatch.setattr(os, "open", swap)
        with pytest.raises(TileError, match="not a regular file"):
            source.read(source.tiles[0])


def test_what_is_read_is_whole(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path, "a.png")) as source:
        assert source.read(source.tiles[0]) == good_tile()


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", "lost+found", "$RECYCLE.BIN", "Thumbs"])
def test_folders_that_systems_add_are_passed_over(tmp_path: Path, name: str) -> None:
    folder = put(tmp_path / "t", "a.png", f"{name}/a.png/THUMB_M.png", f"b/{name}/a.png")
    with open_tiles(folder) as source:
        assert [tile.path for tile in source.tiles] == [str(folder / "a.png")]
    with open_tiles(folder / name) as source:  # asked for by name, it is as any other
        assert [tile.id for tile in source.tiles] == ["THUMB_M"]
    with open_tiles(pack(tmp_path / "t.zip", "a.png", f"{name}/a.png")) as source:
        assert [tile.path for tile in source.tiles] == ["a.png"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_what_the_process_lacks_is_no_fault_of_a_tile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Else it would be noted as bad, and left out of the submission for good."""

    def refused(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    with open_tiles(put(tmp_path, "a.png")) as source:
        monkeypatch.setattr(os, "open", refused)
        with pytest.raises(OSError, match=os.strerror(number)) as told:
            source.read(source.tiles[0])
    assert resource_limits.explained(told.value) != str(told.value)
