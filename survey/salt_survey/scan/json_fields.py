"""Values out of JSON that may have been edited by hand: each is of its kind, or an error says what
was seen.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from salt_survey.errors import SurveyError

Field = Callable[[str, Any], Any]  # name and value to what is kept of it; raises SurveyError
_SHOWN = 60
_MOST_UNKNOWN = 3  # that are named


def text(name: str, value: Any) -> str:
    """Words that can be printed."""
    if not isinstance(value, str) or not value.isprintable():
        _refuse(name, value, "printable text")
    return value


def number(name: str, value: Any) -> float:
    """A finite number; whole ones stay so."""
    if _is_none(value) or not abs(value) <= sys.float_info.max:  # of NaN this is wrong, too
        _refuse(name, value, "a finite number")
    found: float = value
    return found


def _is_none(value: Any) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float)


def between(least: float, most: float) -> Field:
    """A number within bounds."""

    def check(name: str, value: Any) -> float:
        if _is_none(value) or not least <= value <= most:
            _refuse(name, value, f"a number from {least:g} to {most:g}")
        return number(name, value)

    return check


def whole(least: int = -(2**63), most: int = 2**63 - 1) -> Field:
    """A whole number within bounds."""

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            _refuse(name, value, f"a whole number from {least} to {most}")
        return value

    return check


def one_of(*values: Any) -> Field:
    """One of some values."""

    def check(name: str, value: Any) -> Any:
        if not any(type(value) is type(each) and value == each for each in values):
            _refuse(name, value, " or ".join(map(repr, values)))
        return value

    return check


def optional(kind: Field) -> Field:
    """Nothing, or a value."""
    return lambda name, value: None if value is None else kind(name, value)


def listed(kind: Field, count: int | None = None) -> Field:
    """A tuple of values, ``count`` of them if given."""

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or (count is not None and len(value) != count):
            _refuse(name, value, f"a list of {count}" if count is not None else "a list")
        return tuple(kind(f"{name}[{at}]", each) for at, each in enumerate(value))

    return check


def mapping(kind: Field) -> Field:
    """Values by names."""

    def check(name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(name, value, "an object")
        return {key: kind(f"{name}.{key}", each) for key, each in value.items()}

    return check


def check_names(what: str, names: Collection[str], expected: Collection[str]) -> None:
    """Refuse an object that has not the keys it should have.

    Args:
        what: it is, as ``the scan``.
        names: that it has.
        expected: that it should have, all of them and no others.

    Raises:
        SurveyError: names what is missing and what is unknown, and the key that each was meant to
            be, where one is near.
    """
    missing = [name for name in expected if name not in names]
    unknown = [name for name in names if name not in expected]
    wrong = [f"lacks {', '.join(missing)}"] if missing else []
    wrong += [f"has {_unknown(name, expected)}" for name in unknown[:_MOST_UNKNOWN]]
    if wrong:
        raise SurveyError(f"{what} {' and '.join(wrong)}")


def _unknown(name: str, expected: Collection[str]) -> str:
    near = difflib.get_close_matches(name[:_SHOWN], expected, 1)
    shown = ascii(name)[1:-1][:_SHOWN]
    return f"{shown}, which is unknown" + (f" (is it {near[0]}?)" if near else "")


def _refuse(name: str, value: Any, expected: str) -> NoReturn:
    shown = ascii(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    raise SurveyError(f"{ascii(name)[1:-1]} is {shown}, expected {expected}")
