from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salt_infer.data.source import BadTile, Tile
from salt_infer.errors import JournalError
from salt_infer.execution.results import FinishedGroup, quantised
from tests.infer.finished import decided, finished

names = st.text(st.characters(exclude_characters="/"), min_size=1)  # lone surrogates too


def same(one: FinishedGroup, other: FinishedGroup) -> bool:
    """Whether two groups are the same, arrays and all."""

    def plain(group: FinishedGroup) -> dict[str, object]:
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(group).items()
        }

    return plain(one) == plain(other)


@given(
    st.lists(st.tuples(names, st.text("0123456789 "), st.floats(0, 1, width=32)), max_size=5),
    st.lists(st.tuples(names, names, st.text()), max_size=3),
    st.booleans(),
    st.binary(),
)
def test_what_is_packed_comes_back(
    good: list[tuple[str, str, float]],
    bad: list[tuple[str, str, str]],
    details: bool,
    maps: bytes,
) -> None:
    salt = np.array([number for *_, number in good], np.float32)
    group = FinishedGroup(
        7, "stamp", [name for name, *_ in good], [text for _, text, _ in good], salt,
        salt / 2 if details else None, list(range(len(good))), maps,
        [BadTile(Tile(name, path), reason) for name, path, reason in bad],
        crc32=["0badcafe"] * len(good) if details else None,
    )  # fmt: skip
    assert same(FinishedGroup.unpack(7, *group.pack()), group)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_anything_else_is_a_damaged_journal(text: bytes, data: bytes) -> None:
    with pytest.raises(JournalError, match="group 3 of the journal cannot be read"):
        FinishedGroup.unpack(3, text, data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids", ["a"]),
        ("rle", []),
        ("crc32", ["0badcafe"]),
        ("crc32", 7),
        ("bad", [["a"]]),
        ("ids", 7),
        ("ids", ["a"] * 500),
    ],
)
def test_a_record_that_contradicts_itself_is_damaged(name: str, value: object) -> None:
    text, data = finished(0, ["a", "b"], ["1 2", ""]).pack()
    with pytest.raises(JournalError):
        FinishedGroup.unpack(0, json.dumps(json.loads(text) | {name: value}).encode(), data)


def test_probabilities_are_kept_in_steps_of_255() -> None:
    texts = ["1 2", "", "5 6"]
    drawn = decided(5, texts).probability
    assert drawn is not None
    group = FinishedGroup.unpack(5, *finished(5, ["a", "b", "c"], texts).pack())
    rows = group.entries(empty=False)
    assert [row.id for row in rows] == ["a", "b", "c"]
    for row, probability in zip([rows[0], rows[2]], drawn, strict=True):
        assert row.probability().dtype == np.uint8
        assert np.abs(row.probability() / 255 - probability).max() <= 0.5 / 255 + 1e-6
    assert not rows[1].probability().any()


def test_probabilities_are_kept_only_if_asked_for() -> None:
    group = finished(5, ["a"], ["1 2"], probabilities=False)
    assert (group.maps, group.kept) == (b"", [])
    assert not group.entries(empty=False)[0].probability().any()


def test_damaged_probabilities_are_told() -> None:
    group = dataclasses.replace(finished(1, ["a"], ["1 2"]), maps=b"nonsense")
    with pytest.raises(JournalError, match="probabilities of group 1"):
        group.entries(empty=False)[0].probability()


def test_rounding() -> None:
    values = np.array([0, 1, 0.5, 1 / 255, 0.4 / 255, 0.6 / 255, np.nan, 2, -1], np.float32)
    assert quantised(values).tolist() == [0, 255, 128, 1, 0, 1, 0, 255, 0]


def test_bad_tiles_get_a_row_only_if_asked_for_and_if_a_csv_can_hold_it() -> None:
    group = finished(0, ["a", "c"], ["1 2", ""], bad=["b", "two\nlines"])
    assert group.tiles == 4
    assert [row.id for row in group.entries(empty=False)] == ["a", "c"]
    rows = group.entries(empty=True)
    assert [row.id for row in rows] == ["a", "b", "c"]
    assert rows[1].rle == ""
    assert math.isnan(rows[1].salt)
    assert rows[1].confidence == 0.0
    assert not rows[1].probability().any()


def test_a_group_of_bad_tiles_alone() -> None:
    group = FinishedGroup.unpack(0, *finished(0, [], [], bad=["a", "b"]).pack())
    assert group.entries(empty=False) == []
    assert [row.id for row in group.entries(empty=True)] == ["a", "b"]
