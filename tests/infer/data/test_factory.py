from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from salt_infer.data import source
from salt_infer.data.factory import open_tiles
from salt_infer.errors import InputError
from tests.pngs import good_tile, pack, put

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


def test_bytes_come_back(tmp_path: Path) -> None:
    for path in (put(tmp_path / "t", "a.png"), pack(tmp_path / "t.zip", "a.png")):
        with open_tiles(path) as source:
            assert source.read(source.tiles[0]) == good_tile()


def test_two_tiles_with_one_id_are_both_named(tmp_path: Path) -> None:
    names = ("images/x.png", "masks/x.png")
    for path in (put(tmp_path / "t", *names), pack(tmp_path / "t.zip", *names)):
        with pytest.raises(InputError, match=r"'x': .*images/x\.png and .*masks/x\.png"):
            open_tiles(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_tiles(tmp_path / "missing")
    with pytest.raises(InputError, match=r"holds no \.png files"):
        open_tiles(tmp_path)
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(InputError, match=rf"; it holds x\.zip: name {tmp_path}/x\.zip$"):
        open_tiles(tmp_path)
    (tmp_path / "y.zip").touch()
    with pytest.raises(InputError, match=r"name one of the zips, such as .*/x\.zip$"):
        open_tiles(tmp_path)
    with pytest.raises(InputError, match="neither a directory nor a readable zip"):
        open_tiles(tmp_path / "x.zip")


@pytest.mark.parametrize("make", ["pipe", "device", "loop", "nul"])
def test_what_holds_no_tiles_is_not_opened(tmp_path: Path, make: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    says = {"loop": "Too many levels", "nul": "null"}.get(make, "is a pipe or device; expected a")
    with pytest.raises(InputError, match=says):
        open_tiles(tmp_path / make.replace("nul", "a\0b"))


def test_tiles_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_TILES", 2)
    names = ("a.png", "b.png", "c.png")
    (tmp_path / "t.txt").write_text("\n".join(names))
    for path in (put(tmp_path / "t", *names), pack(tmp_path / "t.zip", *names), tmp_path / "t.txt"):
        with pytest.raises(InputError, match="more than 2 tiles; split them over several runs"):
            open_tiles(path)


def test_a_stamp_differs_when_the_file_does(tmp_path: Path) -> None:
    with open_tiles(put(tmp_path / "t", "a.png", "b.png")) as source:
        before = [source.stamp(tile) for tile in source.tiles]
        assert [source.stamp(tile) for tile in source.tiles] == before
        os.utime(tmp_path / "t/a.png", ns=(0, 10**18))
        (tmp_path / "t/b.png").unlink()
        after = [source.stamp(tile) for tile in source.tiles]
    assert after[0] != before[0]
    assert after[1] == "gone"


def test_a_stamp_in_a_zip_is_of_what_the_file_holds(tmp_path: Path) -> None:
    with open_tiles(pack(tmp_path / "t.zip", "a.png")) as source:
        before = source.stamp(source.tiles[0])
    os.utime(tmp_path / "t.zip", ns=(0, 10**18))
    with open_tiles(tmp_path / "t.zip") as source:
        assert source.stamp(source.tiles[0]) == before
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.png", good_tile()[:-1] + b"?")
    with open_tiles(tmp_path / "t.zip") as source:
        assert source.stamp(source.tiles[0]) != before
