from __future__ import annotations

from salt_infer.errors import one_line
from salt_infer.source import shown


def test_shown_escapes_what_a_terminal_should_not_get() -> None:
    assert shown("tile-1.png") == "tile-1.png"
    assert shown("a\n\x1b[2J") == r"'a\n\x1b[2J'"


def test_other_libraries_errors_in_one_line() -> None:
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(ValueError("\x1b[2J")).isprintable()
