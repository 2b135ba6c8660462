"""Tiles as an array, for those who call from Python."""

from __future__ import annotations

import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import salt_infer
from salt_infer.data.factory import open_tiles
from salt_infer.data.tiles import checksums, decode_all, others_than
from salt_infer.errors import BadTilesError, InputError
from salt_train import synthetic
from tests import drawing, pngs


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    synthetic.write(drawing.draw(6, seed=2), tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["folder", "data set", "text", "zip", "list"])
def test_what_the_command_takes_is_read(drawn: Path, kind: str) -> None:
    expected = drawing.draw(6, seed=2)
    place: Path | str = drawn / "tiles"
    if kind == "data set":
        place = drawn
    elif kind == "text":
        place = str(place)
    elif kind == "zip":
        place = drawn / "tiles.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for path in (drawn / "tiles").iterdir():
                archive.write(path, path.name)
    elif kind == "list":
        place = drawn / "list.txt"
        place.write_text("".join(f"tiles/{name}.png\n" for name in expected.ids))
    ids, tiles = salt_infer.read_tiles(place)
    assert ids == list(expected.ids)
    assert tiles.dtype == np.uint8
    np.testing.assert_array_equal(tiles, expected.tiles)


def test_16_bits_are_scaled_as_the_command_does(drawn: Path) -> None:
    (tile,) = drawing.draw(1, seed=2).tiles
    path = drawn / "deep/x.png"
    path.parent.mkdir()
    Image.fromarray(tile.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(salt_infer.read_tiles(path.parent).pixels, tile[None])


def test_tiles_that_can_hardly_be_meant_are_warned_of(drawn: Path) -> None:
    (tile,) = drawing.draw(1, seed=2).tiles
    path = drawn / "deep/x.png"
    path.parent.mkdir()
    Image.fromarray(tile.astype(np.uint16)).save(path)
    with pytest.warns(UserWarning, match="1 of 1 tiles are 16-bit, with at most 1/16") as told:
        salt_infer.read_tiles(path.parent)
    assert told[0].filename == __file__


def test_tiles_that_cannot_be_read_are_named(drawn: Path) -> None:
    for kind, (data, _) in pngs.bad_tiles().items():
        (drawn / f"tiles/bad-{kind}.png").write_bytes(data)
    count = len(pngs.bad_tiles())
    with pytest.raises(
        BadTilesError, match=f"{count} of {count + 6} tiles cannot be read; .*:\n    bad"
    ):
        salt_infer.read_tiles(drawn / "tiles")


def test_some_tiles_of_a_source_or_none(drawn: Path) -> None:
    expected = drawing.draw(6, seed=2).tiles
    with open_tiles(drawn / "tiles") as source:
        some = decode_all(drawn, source, [source.tiles[4], source.tiles[1]])
        np.testing.assert_array_equal(some.pixels, expected[[4, 1]])
        assert not some.odd
        assert decode_all(drawn, source, []).pixels.shape == (0, 101, 101)


@pytest.mark.parametrize("place", ["", "nowhere", "https://me:secret@host/tiles/"])
def test_no_such_place(place: str) -> None:
    with pytest.raises(InputError):
        salt_infer.read_tiles(place)


def test_tiles_one_by_one_are_not_taken(drawn: Path) -> None:
    with pytest.raises(InputError, match="images is a list, expected one path"):
        salt_infer.read_tiles([drawn / "tiles"])


def test_no_runtime_is_imported_for_them(drawn: Path) -> None:
    code = (
        "import sys, salt_infer\n"
        f"salt_infer.read_tiles({str(drawn / 'tiles')!r})\n"
        "assert 'onnxruntime' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_checksums_tell_tiles_from_others_of_their_names(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 101, 101), np.uint8)
    known = checksums(pixels)
    assert known == [f"{zlib.crc32(tile.tobytes()):08x}" for tile in pixels]
    assert checksums(pixels[:, ::-1][:, ::-1]) == known  # whatever their place in memory
    assert len({*known, *checksums(pixels.transpose(0, 2, 1))}) == 8
    names = ["a", "b", "c", "d"]
    path = tmp_path / "sub.csv"
    cells = [known[0], "", known[1], known[3]]  # of b it does not say
    rows = [f"{name},,{cell}" for name, cell in zip(names, cells, strict=True)]
    path.write_text("\n".join(["id,rle_mask,crc32", *rows, ""]))
    assert others_than(path, names, pixels) == [2]
    assert others_than(path, names[::-1], pixels[::-1]) == [1]
    path.write_text("id,rle_mask\na,\n")
    assert others_than(path, ["a"], pixels[:1]) is None


def test_a_checksum_may_have_lost_the_zeros_that_it_begins_with(tmp_path: Path) -> None:
    """In a spreadsheet, which takes it for a number."""
    random = np.random.default_rng(0)
    while True:
        tile = random.integers(0, 256, (1, 101, 101), np.uint8)
        if (known := checksums(tile)[0]).startswith("0"):
            break
    (tmp_path / "s.csv").write_text(f"id,rle_mask,crc32\na,,{known.lstrip('0')}\n")
    assert others_than(tmp_path / "s.csv", ["a"], tile) == []
