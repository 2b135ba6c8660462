from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data.ids import Known, some

COMPOSED = "Søndre-Été"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def test_what_reads_the_same_is_found() -> None:
    assert COMPOSED != DECOMPOSED
    assert Known([DECOMPOSED, "a"]).find(COMPOSED) == DECOMPOSED
    assert Known([COMPOSED, "a"]).find(DECOMPOSED) == COMPOSED
    both = Known([COMPOSED, DECOMPOSED])
    assert both.find(DECOMPOSED) == DECOMPOSED
    # A third spelling could be either.
    assert both.find(unicodedata.normalize("NFC", "Søndre-E\u0301t") + "e\u0301") is None


@given(st.lists(st.text(max_size=4), unique=True))
def test_each_id_finds_itself(names: list[str]) -> None:
    known = Known(names)
    assert [known.find(name) for name in names] == names
    assert known.missing(names) == []


@pytest.mark.parametrize(
    ("known", "missing", "says"),
    [
        (["b", "000e218f21.png"], "000e218f21", "there is '000e218f21.png' for '000e218f21'"),
        (["A1B2"], "a1b2", "there is 'A1B2' for 'a1b2'"),
        (["b", "x_mask"], "x_m", "there is 'x_mask' for 'x_m'"),
        (["x", "y", "z"], "tile", "it has 'x', 'y', ..."),
        (["x"], "a", "it has 'x'"),
        ([], "a", "it has none"),
        (["\x1b[2J"], "a", r"it has '\x1b[2J'"),
    ],
)
def test_what_is_there_instead(known: list[str], missing: str, says: str) -> None:
    assert Known(known).instead([missing]) == says


def test_some_of_many() -> None:
    assert some(["a", "b\n", "c"], 2) == r"a, 'b\n', ..."
