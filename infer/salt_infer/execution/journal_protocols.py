"""What a journal needs of that which it keeps: tiles of a batch, slabs of a survey, anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Field = str | int | float | bool


class Record(Protocol):
    """A finished group; :class:`salt_infer.execution.results.FinishedGroup` is one."""

    @property
    def number(self) -> int:
        """Of the group."""

    def pack(self) -> tuple[bytes, bytes]:
        """Text and data that the group can be made from again."""


class Prints(Protocol):
    """All that a finished group depends on; :class:`salt_infer.job.fingerprint.Fingerprint` is
    one.
    """

    def fields(self) -> dict[str, Field]:
        """By name."""

    def differences(self, before: Mapping[str, Field]) -> list[str]:
        """Those that another run has otherwise, a text each."""
