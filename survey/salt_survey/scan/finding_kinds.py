"""The kinds of findings that something depends on; all others are sentences for people alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Kind = Literal["scan", "given", "header", "samples"]
"""What a finding is about:

- ``scan``: a scan that was given has it otherwise than its file; found again with each file.
- ``given``: samples are read as somebody says, and seem to be otherwise.
- ``header``: samples are read otherwise than the header says.
- ``samples``: what only a pass over the samples finds.
"""

KINDS: tuple[Kind, ...] = ("scan", "given", "header", "samples")
# So began the sentences of each kind while a scan's JSON had no kinds; those of today may not.
_WARNINGS_BEFORE: dict[str, Kind] = {
    "the scan says ": "scan",
    "the samples are read ": "given",
    "the header says format ": "header",
}
_FAULTS_BEFORE: dict[str, Kind] = {
    "nothing recorded": "samples",
    "one live trace alone": "samples",
}


def kinds_of_before(warnings: Iterable[str], faults: Iterable[str]) -> dict[str, Kind]:
    """Kinds by sentence in a scan whose JSON, written before there were kinds, tells none."""
    return _begun(warnings, _WARNINGS_BEFORE) | _begun(faults, _FAULTS_BEFORE)


def _begun(lines: Iterable[str], beginnings: dict[str, Kind]) -> dict[str, Kind]:
    return {
        line: kind
        for line in lines
        for beginning, kind in beginnings.items()
        if line.startswith(beginning)
    }
