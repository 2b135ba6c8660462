from __future__ import annotations

from pathlib import Path

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


def told(show: bool | None) -> None:
    """A run of 100 tiles, 20 of which were done before, a tile each 2 seconds."""
    times = iter(range(0, 1000, 2))
    with Bar("salt-infer", show, clock=lambda: float(next(times))) as bar:
        bar.started(100, done=20)
        for _ in range(80):
            bar.advanced(1)


def test_a_log_has_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    told(show=None)
    assert capsys.readouterr().err.splitlines() == [
        "salt-infer: 50 of 100 tiles, 0.5 tiles/s, 2 min left",
        "salt-infer: 80 of 100 tiles, 0.5 tiles/s, 1 min left",
    ]
    times = iter((0.0, 61.0))
    with Bar("salt-infer", None, clock=lambda: next(times)) as bar:
        bar.started(2_000_000)
        bar.advanced(100_000)
    assert "100000 of 2000000 tiles, 1639 tiles/s, 19 min left" in capsys.readouterr().err
    told(show=False)
    assert capsys.readouterr().err == ""


def test_at_a_stop_bad_tiles_are_not_said_to_be_done_well(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Bar("salt-infer", show=False) as bar:
        bar.bad(BadTile(Tile("a", "a.png"), "not a PNG"))
        bar.kept(Path("x.journal"), 3, 9)
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("salt-infer: 3 of 9 tiles, 1 of them bad, are done and kept in x.jour")
