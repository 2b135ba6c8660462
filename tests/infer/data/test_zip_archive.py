from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from salt_infer.data import zip_archive
from salt_infer.data.factory import open_tiles
from salt_infer.data.png_file import MAX_FILE_BYTES
from salt_infer.data.zip_archive import TileZip
from salt_infer.errors import InputError, LabelError, SaltError, TileError
from tests.pngs import good_tile, pack


def test_a_zip_bomb_is_read_no_further_than_a_tile(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.png", bytes(200_000_000))
    with open_tiles(tmp_path / "t.zip") as source:
        assert len(source.read(source.tiles[0])) == MAX_FILE_BYTES + 1


def test_zips_as_windows_writes_them(tmp_path: Path) -> None:
    path = pack(tmp_path / "t.zip", "images\\b.png", "scan.png/", "scan.png/a.png")
    with open_tiles(path) as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]
        assert source.read(source.tiles[1]) == good_tile()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_at_any_byte_of_a_zip(tmp_path: Path, method: int) -> None:
    """Opening or reading gives the tile or one of our errors, never another exception."""
    with zipfile.ZipFile(tmp_path / "t.zip", "w", method) as packed:
        packed.writestr("é.png", good_tile())
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


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_unpacked_without_limit_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int
) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w", method) as packed:
        packed.writestr("a.png", good_tile())
    with open_tiles(tmp_path / "t.zip") as source:
        monkeypatch.setattr(zipfile.ZipFile, "open", None)
        with pytest.raises(TileError, match=f"by method {method}, expected 0 or 8"):
            source.read(source.tiles[0])


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "a/../../a.png", "C:\\a.png"])
def test_names_that_lead_elsewhere_are_tiles_like_others(tmp_path: Path, name: str) -> None:
    """Nothing is unpacked to disk; left out, they would make a submission short."""
    with open_tiles(pack(tmp_path / "t.zip", "b.png", name)) as source:
        assert [tile.id for tile in source.tiles] == ["a", "b"]
        assert source.read(source.tiles[0]) == good_tile()


def test_a_table_of_contents_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "t.zip", *(f"{index}.png" for index in range(100)))
    monkeypatch.setattr(zip_archive, "MAX_TABLE_BYTES", 4096)
    says = "table of contents of 5190 bytes, expected at most 4096: unpack it .* or make several zi"
    with pytest.raises(InputError, match=says):
        open_tiles(path)


def test_a_file_that_is_open_is_closed_with_the_tiles(tmp_path: Path) -> None:
    path = pack(tmp_path / "t.zip", "a.png")
    file = io.BytesIO(path.read_bytes())
    with TileZip(path, opener=lambda path: file) as source:
        assert source.read(source.tiles[0]) == good_tile()
    assert file.closed
    for data in (b"no zip", struct.pack("<4s18x", b"PK\5\6")):  # the second has no tiles
        broken = io.BytesIO(data)
        with pytest.raises(InputError):
            TileZip(path, opener=lambda path, file=broken: file)
        assert broken.closed


def test_a_name_that_is_there_twice_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a/x.png", b"1")
        archive.writestr("a/x.png", b"2")
    with pytest.raises(InputError, match=r"x\.zip holds a/x\.png twice; leave one out"):
        TileZip(path)


def test_names_that_claim_to_be_utf8_and_are_not(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ø.png", b"1")
    path.write_bytes(path.read_bytes().replace("ø".encode(), b"\xf8\xf8"))
    with pytest.raises(InputError, match="says its names are UTF-8 and they are not; pack"):
        TileZip(path)


def test_what_is_encrypted_is_to_be_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.png", b"1")
        archive.writestr("train.csv", b"id,rle_mask\n")
    data = bytearray(path.read_bytes())
    for mark, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + flags] |= 1
    path.write_bytes(data)
    with TileZip(path) as tiles:
        with pytest.raises(TileError, match=r"^is encrypted; unpack the zip with its password$"):
            tiles.read(tiles.tiles[0])
        with pytest.raises(LabelError, match=r"x\.zip/train\.csv is encrypted; unpack"):
            tiles.table("train.csv")


def test_of_a_zip_that_is_cut_the_reason_is_that(tmp_path: Path) -> None:
    path = pack(tmp_path / "t.zip", "a.png")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(
        InputError, match=r"begins as a zip and has no table of contents.*copy or join it anew"
    ):
        open_tiles(path)
