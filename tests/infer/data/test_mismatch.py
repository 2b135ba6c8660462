from __future__ import annotations

import unicodedata

import pytest

from salt_infer.data.mismatch import missing_labels

WHERE = "d/masks"


def test_names_of_both_sides() -> None:
    said = missing_labels(WHERE, ["000e21"], ["000e21"], ["zebra", "yak"])
    assert said == (
        "d/masks has no label for 1 of 1 tiles: 000e21; its 2 labels are of others: yak, zebra"
    )
    many = [f"t{number:02}" for number in range(9)]
    assert missing_labels(WHERE, many[:7], many, many[7:], "; so").endswith("after the comma; so")
    assert "; so" not in missing_labels(WHERE, many[:7], many, [*many[7:], "zebra"], "; so")
    said = missing_labels(WHERE, many[:7], many, many[7:])
    assert said == (
        "d/masks has no label for 7 of 9 tiles: t00, t01, t02, t03, t04, ...; a tile without salt "
        "needs a label too: a black PNG, or a row with nothing after the comma"
    )


@pytest.mark.parametrize(
    ("tile", "label", "says"),
    [
        ("000e21", "000e21_mask", "there is 000e21_mask: is it meant for 000e21?"),
        ("000e21", "mask_000e21", "there is mask_000e21: is it meant"),
        ("000e21", "000e21.png", "there is 000e21.png: is it meant"),
        ("BLB_404_0000", "BLB_404", "there is BLB_404: is it meant for BLB_404_0000?"),
        ("000e21_image", "000e21", "there is 000e21: is it meant for 000e21_image?"),
        ("000e21_image", "000e21_mask", "there is 000e21_mask: is it meant for 000e21_image?"),
        ("000e21", "000E21", "there is 000E21 for 000e21, which differs in upper and lower case"),
        ("0012", "12", "there is 12 for 0012, which differs in leading zeros"),
        ("000e21", "000e21 ", "there is '000e21 ' for 000e21, which has spaces around it"),
        ("a\x1b[1m", "a\x1b[1m_mask", r"there is 'a\x1b[1m_mask'"),
    ],
)
def test_a_label_that_is_meant_for_a_tile(tile: str, label: str, says: str) -> None:
    said = missing_labels(WHERE, [tile], [tile, "other"], [label, "other", "unlike"])
    assert says in said
    assert said.isprintable()


def test_of_a_million_labels_not_all_are_compared() -> None:
    others = [f"{number:07}" for number in range(100_000)]
    said = missing_labels(WHERE, ["tile"], ["tile"], others)
    assert "its 100000 labels are of others: 0000000, 0000001" in said


@pytest.mark.parametrize(("tile", "label"), [("1", "21"), ("tile-0001", "tile-9001"), ("a", "ab")])
def test_what_only_looks_alike_is_not_suggested(tile: str, label: str) -> None:
    assert "labels are of others" in missing_labels(WHERE, [tile], [tile], [label])


def test_of_two_labels_that_read_the_same_neither_is_found() -> None:
    """One alone would be, however it is written."""
    tile, other = "E\u0301t\xe9", unicodedata.normalize("NFC", "Été")
    said = missing_labels(WHERE, [tile], [tile], [other, unicodedata.normalize("NFD", other)])
    assert said.endswith(
        r"'E\u0301te\u0301' and '\xc9t\xe9' read the same (Unicode's composed and decomposed "
        r"letters), and either may be meant for 'E\u0301t\xe9'; keep one of them"
    )


def test_there_may_be_no_label_at_all() -> None:
    assert missing_labels(WHERE, ["a"], ["a"], []).endswith("1 of 1 tiles: a; there are none")
