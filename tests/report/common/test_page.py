from __future__ import annotations

import math

import pytest

from salt_report.common import page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (page.percent(0.12345), "12.3\N{NO-BREAK SPACE}%"),
        (page.percent(0.99999, 2), "100.00\N{NO-BREAK SPACE}%"),
        (page.percent(None), "–"),
        (page.score(0.12345), "0.123"),
        (page.score(1, 4), "1.0000"),
        (page.score(math.nan), "–"),
        (page.signed(-0.01234), "\N{MINUS SIGN}0.0123"),
        (page.signed(0.5, 1), "+0.5"),
        (page.signed(math.nan), "–"),
    ],
)
def test_numbers_as_text(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    ("depth", "said"),
    [(923.4, "923"), (0.9234, "0.92"), (-12.6, "-13"), (0, "0.00"), (math.nan, "–")],
)
def test_depths_in_kilometres_keep_their_decimals(depth: float, said: str) -> None:
    assert page.metres(depth) == said
