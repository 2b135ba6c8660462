from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data import oddities
from salt_infer.errors import InputError
from salt_train.data import folds, split_table
from salt_train.data.folds import Split
from salt_train.errors import DataError
from tests import drawing

DATA = drawing.draw(12, seed=3)
ROWS = [(name, place % 3) for place, name in enumerate(DATA.ids)]


def table(path: Path, rows: list[tuple[str, object]], header: str = "id,fold") -> Path:
    text = "".join(f"{name},{fold}\n" for name, fold in rows)
    path.write_text(f"{header}\n{text}")
    return path


def test_tiles_are_in_the_folds_that_it_says(tmp_path: Path) -> None:
    found = split_table.read(table(tmp_path / "s.csv", [*ROWS[::-1], ("other", 1)]))
    assert found.folds == 3
    data = found.of(DATA)
    split = Split.of(data, found.folds, seed=7)
    assert split.fold.tolist() == [fold for _, fold in ROWS]
    assert found.dealt(DATA.ids[2:8]) == dict(ROWS[2:8])
    assert data.sha256 == DATA.sha256


def test_tiles_with_an_empty_fold_take_no_part(tmp_path: Path) -> None:
    """What was said of them neither; whatever else the table has."""
    rows = [(name, "" if place >= 8 else place % 2) for place, name in enumerate(DATA.ids)]
    found = split_table.read(table(tmp_path / "s.csv", [*rows, ("other", " ")]))
    odd = {"faint": [DATA.ids[0], DATA.ids[9]], "wrapped": [DATA.ids[8]]}
    told = dataclasses.replace(DATA, assumed=(DATA.ids[1], DATA.ids[11]), odd=odd)
    data = found.of(told)
    assert data.ids == DATA.ids[:8]
    assert data.sha256 == DATA.subset(np.arange(12) < 8).sha256
    assert data.dealt is not None
    assert data.dealt.tolist() == [0, 1] * 4
    assert data.assumed == (DATA.ids[1],)
    assert oddities.lines(data.odd, 8) == oddities.lines({"faint": [DATA.ids[0]]}, 8)
    for again in (1, ""):
        with pytest.raises(DataError, match="twice, expected each id once"):
            split_table.read(table(tmp_path / "s.csv", [*rows, (DATA.ids[9], again)]))


def test_a_run_s_own_table_gives_its_split_again(tmp_path: Path) -> None:
    split = Split.of(DATA, 4, seed=2)
    split.write(tmp_path)
    again = split_table.read(tmp_path / folds.FILE)
    assert Split.of(again.of(DATA), again.folds, 0).sha256 == split.sha256


@given(st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_every_fold_has_a_tile_or_it_is_refused(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int]
) -> None:
    pairs = list(zip(DATA.ids, numbers, strict=True))
    path = table(tmp_path_factory.mktemp("split") / "s.csv", pairs)
    if set(numbers) == set(range(max(numbers) + 1)) and max(numbers):
        found = split_table.read(path)
        assert np.bincount(found.of(DATA).dealt).min() > 0
    else:
        with pytest.raises(DataError, match=r"no tile in fold|all its tiles in one fold"):
            split_table.read(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column id nor fold"),
        ("id,fold,fold\na,0,1\nb,1,0\n", "has the column fold twice, expected it once"),
        ("id,fold,id\na,0,b\nb,1,a\n", "has the column id twice, expected it once"),
        ("id,fold\na,0\nb,1.5\n", "the fold of b is 1.5, expected 0 to 999"),
        ("id\na\n", "has no column fold, expected a CSV of id,fold"),
        ("id,fold\na,0\na,1\n", "has a twice, expected each id once"),
        ("id,fold\na,0\nb,-1\n", "the fold of b is -1, expected 0 to 999"),
        ("id,fold\na,0\nb,x\n", "the fold of b is x, expected"),
        ("id,fold\na,0\nb\n", "the fold of b is None, expected"),
        ("id,fold\na,0\nb,1000\n", "the fold of b is 1000, expected"),
        ("id,fold\na,0\nb,2\n", "has no tile in fold 1, expected folds from 0 without a gap"),
        ("id,fold\na,1\nb,2\n", "has no tile in fold 0, .* without a gap: subtract 1 from each"),
        ("id,fold\na,val\nb,train\n", "number the groups, such as val 0 and train 1"),
        (
            "id,fold\na,0\nb,0\n",
            "has all its tiles in one fold, expected two folds at least: every",
        ),
        ("id,fold\n", "has no tile in fold 0"),
    ],
)
def test_what_is_no_split(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        split_table.read(tmp_path / "s.csv")


def test_whole_numbers_as_pandas_writes_them_beside_empty_cells(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,fold\na,0.0\nb,1.0\nc,\nd, 1.00\n")
    found = split_table.read(tmp_path / "s.csv")
    assert found.fold == {"a": 0, "b": 1, "d": 1}
    assert found.left_out == {"c"}


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*; expected a CSV of id,fold"):
        split_table.read(tmp_path / "none.csv")
    (tmp_path / "s.csv").write_bytes(b"id,fold\n\xff,0\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        split_table.read(tmp_path / "s.csv")


def test_a_table_of_other_tiles(tmp_path: Path) -> None:
    some = split_table.read(table(tmp_path / "s.csv", ROWS[:10]))
    with pytest.raises(DataError, match=rf"no fold for 2 of 12 tiles: {DATA.ids[10]}, "):
        some.of(DATA)
    more = split_table.read(table(tmp_path / "t.csv", [*ROWS, ("other", 3)]))
    with pytest.raises(DataError, match="no tile of the data is in fold 3 of"):
        more.of(DATA)
