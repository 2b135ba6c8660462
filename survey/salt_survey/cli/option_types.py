"""Kinds of option of ``salt-survey``: what they read, and click's error where they cannot."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from salt_infer.errors import UsageError
from salt_survey.calibration import labelled
from salt_survey.sections import display
from salt_survey.volume import extent

_UNITS = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
          "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}  # fmt: skip


# What it gives is part of its type since click 8.4, which the checker has and not everyone.
if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType


class Parsed(_ParamType):
    """A text that a function reads; its UsageError becomes click's."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except UsageError as error:
            self.fail(str(error), param, context)


def size(text: str) -> int:
    """``1GiB``, ``800 MB``, ``4000000`` -> bytes.

    Raises:
        UsageError: no such thing.
    """
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?i?B?)", text, re.ASCII | re.I)
    unit = found and found[2].lower()
    if not found or unit not in _UNITS:
        raise UsageError(f"the size is {text!r}, expected a number and a unit, as 1GiB or 800MB")
    return int(float(found[1]) * _UNITS[unit])


ZOOM = Parsed("zoom", display.Zoom.parse)
STRETCH = Parsed("stretch", display.Stretch.parse)
LABEL = Parsed("label", labelled.parse)
RANGE = Parsed("range", extent.parse)
SIZE = Parsed("size", size)
