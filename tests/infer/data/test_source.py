from __future__ import annotations

import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from salt_infer.data.folder import TileFolder
from salt_infer.data.list_file import TileList
from salt_infer.data.source import TileSource
from salt_infer.data.zip_archive import TileZip
from salt_infer.errors import TileError, one_line
from salt_infer.system.text import shown
from tests import bare
from tests.pngs import good_tile


def test_shown_escapes_what_a_terminal_should_not_get() -> None:
    assert shown("tile-1.png") == "tile-1.png"
    assert shown("a\n\x1b[2J") == r"'a\n\x1b[2J'"


def test_other_libraries_errors_in_one_line() -> None:
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(ValueError("\x1b[2J")).isprintable()


def test_names_that_the_locale_cannot_read_are_told_of_the_locale(tmp_path: Path) -> None:
    (tmp_path / "Søndre.png").write_bytes(good_tile())
    (tmp_path / "a\tb.png").write_bytes(good_tile())
    code = (
        "from pathlib import Path\nfrom salt_infer.data.folder import TileFolder\n"
        "from salt_infer.errors import TileError\nsource = TileFolder(Path())\n"
        "for tile in source.tiles:\n"
        "    try: source.read(tile)\n"
        "    except TileError as error: print(error)"
    )
    for plain, said in (
        ("0", "its name is UTF-8.*set LC_ALL=C.UTF-8\n.*rename it"),
        ("1", ".*rename it"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
            env=bare.environment(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8=plain),
        )  # fmt: skip
        assert re.fullmatch(said, done.stdout.strip()), done.stdout


def opened(kind: str) -> TileSource:
    """Two tiles, of which one cannot be read, by a relative path."""
    Path("tiles").mkdir()
    Path("tiles/a.png").write_bytes(good_tile())
    if kind == "folder":
        Path("tiles/b\n.png").symlink_to("nowhere")
        return TileFolder(Path("tiles"))
    if kind == "list":
        Path("list.txt").write_text("tiles/a.png\ntiles/b.png\n")
        return TileList(Path("list.txt"))
    with zipfile.ZipFile("tiles.zip", "w") as file:
        file.write("tiles/a.png")
        file.writestr("b\n.png", b"")
    return TileZip(Path("tiles.zip"))


@pytest.mark.usefixtures("zips")
@pytest.mark.parametrize("kind", ["folder", "list", "zip"])
def test_a_part_reads_the_same_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(kind) as source:
        stamps = [source.stamp(tile) for tile in source.tiles]
        data = pickle.dumps(source.part(source.tiles))
        monkeypatch.chdir("/")
        part = pickle.loads(data)
        assert part.tiles == source.tiles
        assert len(part.tiles) == 2
        assert [part.stamp(tile) for tile in part.tiles] == stamps
        assert part.read(part.tiles[0]) == good_tile()
        with pytest.raises(TileError):
            part.read(part.tiles[1])
        again = pickle.loads(pickle.dumps(part.part(part.tiles[:1])))
        assert again.read(again.tiles[0]) == good_tile()
        assert again.stamp(again.tiles[0]) == stamps[0]
    assert len(data) < 1000


def test_a_part_of_a_zip_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", good_tile())
    with TileZip(path) as source:
        part = source.part(source.tiles)
    path.unlink()
    assert part.stamp(part.tiles[0]) == "gone"
    with pytest.raises(TileError, match="cannot be read from the zip"):
        part.read(part.tiles[0])
