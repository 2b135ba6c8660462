from __future__ import annotations

from salt_train.settings import chart


def test_bars_grow_from_the_bottom_in_eighths() -> None:
    assert chart.columns([8.0, 16.0, 5.0, 3.0], width=4, height=2) == [
        " 1.60e+01 │ █",
        " 8.00e+00 │██▅▃",
        "          └────",
    ]


def test_many_values_share_a_bar_which_is_the_largest() -> None:
    *_, low, axis = chart.columns([1.0, 4.0, 2.0, 2.0, 1.0], width=3, height=1)
    assert low == " 4.00e+00 │█▄▂"
    assert axis == "          └───"


def test_a_picture_is_as_high_and_no_wider_than_asked() -> None:
    values = [abs(index % 37 - 18) + 1e-3 for index in range(731)]
    lines = chart.columns(values)
    assert len(lines) == chart.HEIGHT + 1
    assert max(len(line) for line in lines) <= 11 + chart.WIDTH
    assert lines[0].count("│") == 1
    assert not any(line.endswith(" ") for line in lines)


def test_the_smallest_of_values_far_apart_is_not_drawn_higher_than_it_is() -> None:
    *rows, _ = chart.columns([1e-6, 1.0], width=2, height=3)
    assert [row.partition("│")[2] for row in rows] == [" █"] * 3
