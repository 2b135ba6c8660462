from __future__ import annotations

import pytest

from salt_infer.errors import one_line


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("", "ValueError"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "'\\x1b[31mred'"),
        ("x" * 500, "x" * 500),
        ("x" * 20_000, "x" * 500 + " ..."),
    ],
)
def test_what_another_library_says_is_one_short_line(said: str, told: str) -> None:
    assert one_line(ValueError(said)) == told
