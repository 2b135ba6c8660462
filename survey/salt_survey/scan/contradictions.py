"""What an edited scan says of its file and the file does not.

Some of a scan's JSON decides how a file is read, see :meth:`Overrides.over`, and so does ``fill``;
the rest describes it, and is found again as it is read. What there is to compare is compared; what
only the samples tell (``dead``, ``bad_samples``, ``nulls_1e30``, ``percentiles``, ``spectrum``) is
believed, and changes nothing, as corners and bins of the grid do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salt_survey.errors import SurveyError
from salt_survey.scan.finding_kinds import Kind
from salt_survey.scan.overrides import Overrides
from salt_survey.scan.record import Scan

_OF_THE_FILE = ("kind", "size", "samples", "traces")
# Headers may be mended after a run, whose volume keeps the scan, so these are told, not refused.
_OF_HEADERS = ("revision", "extended_text_headers", "extra_trace_headers", "coordinate_scalar")
_OF_THE_GRID = ("inlines", "crosslines", "cdp", "order", "missing", "duplicates")
_HOW_IT_LIES = ("format", "endian")  # the user's word on these changes what is found of a file
_HOW_LINES_ARE_NUMBERED = (
    "inline_byte", "crossline_byte", "x_byte", "y_byte", "line_width", "lines_from",
)  # fmt: skip


def compared(path: Path, known: Scan, found: Scan, overrides: Overrides) -> Scan:
    """Compare a scan that was given with what is found.

    Args:
        path: of the file.
        known: the scan that was given.
        found: as the file was read with it.
        overrides: what the user says besides; of what that changes nothing is compared.

    Returns:
        What is found, with a warning for each thing about its headers and lines that the scan has
        otherwise, as where the bytes of line numbers were edited.

    Raises:
        SurveyError: the scan describes another file.
    """
    if _silent(overrides, _HOW_IT_LIES):
        _check_file(path, known, found)
    otherwise = tuple(_of_the_grid(known, found, overrides))
    warnings = found.warnings + otherwise
    kinds: dict[str, Kind] = {**found.kinds, **dict.fromkeys(otherwise, "scan")}
    verdict = found.verdict
    if verdict in ("ok", "warn"):
        verdict = "warn" if warnings else "ok"
    return dataclasses.replace(found, warnings=warnings, kinds=kinds, verdict=verdict)


def _check_file(path: Path, known: Scan, found: Scan) -> None:
    for name in _OF_THE_FILE:
        mine, theirs = getattr(known, name), getattr(found, name)
        if mine != theirs:
            raise SurveyError(
                f"{path}: the scan says {name} {_word(mine)}, the file has {_word(theirs)}; {name} "
                "describes the file and decides nothing: undo that, or an edit of endian or "
                "format, or scan anew"
            )


def _of_the_grid(known: Scan, found: Scan, overrides: Overrides) -> Iterator[str]:
    if found.faults or known.questions or not _silent(overrides, _HOW_LINES_ARE_NUMBERED):
        return
    for name in (*_OF_HEADERS, *_OF_THE_GRID):
        mine, theirs = getattr(known, name), getattr(found, name)
        if mine != theirs:
            yield f"the scan says {name} {_word(mine)}, read with it the file has {_word(theirs)}"


def _silent(overrides: Overrides, names: tuple[str, ...]) -> bool:
    return all(getattr(overrides, name) is None for name in names)


def _word(value: Any) -> str:
    return "none" if value is None else ascii(value).replace("'", "")
