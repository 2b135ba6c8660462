"""Traces whose place an earlier one has: gathers, numbers of something else, or a few."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from salt_survey.scan.findings import Said
from salt_survey.scan.geometry import NO_TRACE, Grid
from salt_survey.scan.trace_pieces import pieces

MANY = 0.1  # share of the traces: of gathers, where their offsets differ


def tell(grid: Grid, offsets: int, said: Said) -> None:
    """Say what they are.

    Args:
        grid: with duplicates.
        offsets: different ones a bin, at most.
        said: gets a fault, a question, a warning or a note.
    """
    traces = len(grid.places)
    several = grid.duplicates >= MANY * traces
    if offsets > 1 and several:
        said.faults.append(
            f"pre-stack: up to {offsets} offsets a bin, expected one trace; stack it first"
        )
    elif grid.duplicates > traces / 2:
        said.questions.append(
            f"{grid.duplicates} of {traces} traces have a line number pair that an earlier one "
            "has: these bytes number something else, and --inline-byte and --crossline-byte "
            "have to be given, or these are gathers, which have to be stacked first"
        )
    else:
        (said.warnings if several else said.notes).append(
            f"{grid.duplicates} traces lie where an earlier one does, such as trace "
            f"{grid.first_duplicate() + 1}; the first counts"
        )


def tell_unused(grid: Grid, silent: npt.NDArray[np.bool_], said: Said) -> None:
    """Warn of traces that are not used although the one that is used in their place is silent.

    Args:
        grid: with or without duplicates.
        silent: bool [traces], nothing is recorded.
        said: gets the warning.
    """
    if not grid.duplicates:
        return
    count, first = 0, 0
    for part in pieces(len(grid.places)):
        placed = np.flatnonzero(grid.places[part] != NO_TRACE) + part.start
        used = grid.traces.ravel()[grid.places[placed]]
        lost = placed[silent[used] & ~silent[placed]]
        if len(lost) and not count:
            first = int(lost[0])
        count += len(lost)
    if count:
        said.warnings.append(
            f"{count} traces, such as trace {first + 1}, have samples and are not used, as an "
            "earlier one without any has their place; remove that from the file"
        )
