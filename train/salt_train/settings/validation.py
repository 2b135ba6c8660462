"""Fields of frozen settings, whose values may come from a file: of their type, within bounds."""

from __future__ import annotations

import math
import typing
from typing import Any, Literal

from salt_train.errors import ConfigError

Range = tuple[float, float]  # both ends included

NOT_NEGATIVE: Range = (0.0, math.inf)
AT_LEAST_ONE: Range = (1.0, math.inf)
SMALLEST = 1e-3  # of what is divided by

_MOST_DIGITS, _QUOTED = 20, 100

# A whole number may stand for a float, as JSON has it; True is no number.
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_PLAIN: dict[Any, tuple[type, ...]] = {
    bool: (bool,), int: (int,), float: (float, int), str: (str,),
}  # fmt: skip


def check(settings: object, **ranges: Range) -> None:
    """Check what was given to a dataclass; fields of other dataclasses are theirs to check.

    Args:
        settings: a dataclass.
        ranges: of fields that are numbers.

    Raises:
        ConfigError: a value is not of its field's type, not one of its Literal's names, or not
            within its range.
    """
    for name, kind in typing.get_type_hints(type(settings)).items():
        _check_type(name, getattr(settings, name), kind)
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not (low <= value <= high and math.isfinite(value)):  # nor is NaN
            until = f"to {high:g}" if math.isfinite(high) else "or more"
            raise ConfigError(f"{name} is {value}, expected {low:g} {until}")


def number(text: str) -> int | None:
    """A whole number from 0 in decimal digits; None of anything else, and of more digits than any
    setting has: Python takes no more than some thousands.
    """
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def quoted(text: str) -> str:
    """What was given, for a message: in quotes, and cut where it is long."""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}... ({len(text)} characters)"


def _check_type(name: str, value: object, kind: Any) -> None:
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            expected = ", ".join(typing.get_args(kind))
            raise ConfigError(f"{name} is {value!r}, expected one of {expected}")
    elif kind in _PLAIN and type(value) not in _PLAIN[kind]:
        raise ConfigError(f"{name} is {value!r}, expected {KINDS[kind]}")
