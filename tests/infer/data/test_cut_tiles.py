from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from salt_infer.data import cut_tiles
from salt_infer.data.dataset import find

HEAD = ",".join(cut_tiles.COLUMNS)
TILES = ("f3-110-1a2b3c4d-00003-00004n", "f3-x7-5e6f7a8b-00000-00000r")
ROWS = f"{HEAD}\n{TILES[0]},110,3,4,normal,0.5\n{TILES[1]},x7,0,0,reversed,0.0\n"
LINES = {TILES[0]: "f3-110-1a2b3c4d", TILES[1]: "f3-x7-5e6f7a8b"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a-1.png").touch()
    return folder


def test_lines_of_a_folder_and_of_a_zip(data: Path, tmp_path: Path) -> None:
    assert cut_tiles.lines_in(data) is None
    assert cut_tiles.lines_of(find(data)) == {}
    (data / cut_tiles.TABLE).write_text(ROWS)
    assert cut_tiles.lines_in(data) == LINES
    for inside in ("", "wrapped/"):
        packed = tmp_path / f"{inside.strip('/')}.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(data.rglob("*.*")):
                archive.write(path, f"{inside}{path.relative_to(data)}")
        assert cut_tiles.lines_of(find(packed)) == LINES


@pytest.mark.parametrize(
    "content",
    [
        b"", b"id,rle_mask\na-1,\n", b"\xff\xfe", HEAD.encode() + b"x\na-1,110,3,4,normal,0.5\n",
        b'"' + b"x" * 200_000,
    ],
)  # fmt: skip
def test_another_table_of_that_name_tells_nothing(
    data: Path, tmp_path: Path, content: bytes
) -> None:
    (data / cut_tiles.TABLE).write_bytes(content)
    assert cut_tiles.lines_in(data) is None
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(data.rglob("*.*")):
            archive.write(path, path.relative_to(data))
    assert cut_tiles.lines_of(find(packed)) == {}


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_table_tells_nothing(data: Path, tmp_path: Path, method: int) -> None:
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("images", "masks"):
            archive.write(data / name / "a-1.png", f"{name}/a-1.png")
        archive.writestr(cut_tiles.TABLE, ROWS * 100, method)
        start = archive.getinfo(cut_tiles.TABLE).header_offset + 60
    content = bytearray(packed.read_bytes())
    content[start : start + 20] = bytes(byte ^ 0xFF for byte in content[start : start + 20])
    packed.write_bytes(content)
    assert cut_tiles.lines_of(find(packed)) == {}


def test_a_row_that_is_cut_short_is_passed_over(data: Path) -> None:
    (data / cut_tiles.TABLE).write_text(ROWS + "a-3,110\n")
    assert cut_tiles.lines_in(data) == LINES
