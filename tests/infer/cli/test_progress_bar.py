from __future__ import annotations

import pytest

from salt_infer.cli.progress_bar import SHOWN, Bar
from salt_infer.data.source import BadTile, Tile


def test_what_is_noted_stands_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """And the bar goes on below it."""
    with Bar("salt-infer", show=True) as bar:
        bar.started(10)
        bar.advanced(3)
        bar.note("nodes were lost")
        bar.bad(BadTile(Tile("a", "t/a.png"), "not a PNG"))
    lines = capsys.readouterr().err.split("\n")
    for said in ("salt-infer: nodes were lost", "salt-infer: bad tile t/a.png: not a PNG"):
        (line,) = (line for line in lines if said in line)
        assert line.split("\r")[-1] == said
        assert line.split("\r")[-2].strip() == ""  # the bar was wiped out
        assert "10" in lines[lines.index(line) + 1]


def test_the_first_bad_tiles_are_named_and_the_others_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Bar("salt-infer", show=False) as bar:
        bar.started(30)
        for number in range(SHOWN + 2):
            bar.bad(BadTile(Tile(str(number), f"{number}.png"), "not a PNG"))
    *named, last = capsys.readouterr().err.splitlines()
    assert len(named) == SHOWN
    assert last == "salt-infer: ... and 2 more bad tiles; --report FILE has all of them"
