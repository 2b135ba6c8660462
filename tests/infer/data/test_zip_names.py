from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data import zip_names
from salt_infer.data.dataset import open_images, open_labels
from salt_infer.data.factory import open_tiles
from tests.pngs import good_tile

UTF8, CP437 = "Søndre-1.png".encode(), "Sændré.png".encode("cp437")


class _Raw(zipfile.ZipInfo):
    """A name of bytes as they are, without the flag for UTF-8."""

    def __init__(self, raw: bytes, extra: bytes = b"") -> None:
        super().__init__(raw.hex())  # of no two alike
        self.raw, self.extra = raw, extra

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, self.flag_bits & ~0x800


def packed(path: Path, *entries: _Raw) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for entry in entries:
            archive.writestr(entry, good_tile())
    return path


def unicode_path(plain: bytes, name: str) -> bytes:
    body = struct.pack("<BI", 1, zlib.crc32(plain)) + name.encode()
    return struct.pack("<HH", 0x5455, 1) + b"\0" + struct.pack("<HH", 0x7075, len(body)) + body


@pytest.mark.parametrize(
    ("entry", "name", "noted"),
    [
        (_Raw(UTF8), "Søndre-1", False),
        (_Raw("Été.png".encode()), "Été", False),
        (_Raw(CP437), "Sændré", True),
        (_Raw("地震.png".encode("cp932")), "地震.png".encode("cp932").decode("cp437")[:-4], True),
        (_Raw(b"S_ndre.png", unicode_path(b"S_ndre.png", "Søndre.png")), "Søndre", False),
        (_Raw(CP437, unicode_path(CP437, "Søndre.png")), "Søndre", False),
        (_Raw(CP437, unicode_path(b"other", "Søndre.png")), "Sændré", True),
        (_Raw(CP437, b"\x75\x70\xff"), "Sændré", True),
        (_Raw("færo\\Søndre-1.png".encode()), "Søndre-1", False),
    ],
)
def test_names_without_a_flag(tmp_path: Path, entry: _Raw, name: str, noted: bool) -> None:
    path = packed(tmp_path / "t.zip", entry)
    with open_tiles(path) as source:
        assert [tile.id for tile in source.tiles] == [name]
        assert source.read(source.tiles[0]) == good_tile()
        assert len(source.notes) == noted
        assert all(
            "does not say what encoding it is in" in note and "cp437" in note
            for note in source.notes
        )


def test_folders_of_a_data_set_may_have_backslashes(tmp_path: Path) -> None:
    path = packed(tmp_path / "t.zip", _Raw(b"images\\a.png"), _Raw(b"masks\\a.png"))
    with open_images(path) as tiles, open_labels(path) as labels:
        assert [tile.path for tile in tiles.tiles] == ["images/a.png"]
        assert labels.ids == ["a"]


@given(st.binary(max_size=60))
def test_any_extra_field(extra: bytes) -> None:
    info = zipfile.ZipInfo(CP437.decode("cp437"))
    info.extra = extra
    archive = zipfile.ZipFile.__new__(zipfile.ZipFile)
    archive.filelist, archive.NameToInfo = [info], {}
    zip_names.mend(archive)
    assert list(archive.NameToInfo) == [info.filename]
