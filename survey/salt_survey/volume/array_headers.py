"""Headers for a volume that was made of an array, which has none: those of a SEG-Y that is the same
survey, as far as the two can be held against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from salt_survey.reading.survey import Survey
from salt_survey.scan.record import Scan
from salt_survey.volume.finished import check_lies_on, of_others, scan_of
from salt_survey.volume.store import Store

_ALIKE = 1e-3  # of percentiles of the same amplitudes, which may have been stored otherwise
_OF_ITS_OWN = ("lines", "times")  # settings in the array's numbers


def array_of(store: Store, like: Path) -> Scan | None:
    """The scan of the array that a volume was made of; None where it was made of SEG-Y, or there is
    no such file.
    """
    scan = scan_of(store)
    return scan if scan is not None and scan.kind != "segy" and like.is_file() else None


def doubts(store: Store, survey: Survey, array: Scan) -> Iterator[str]:
    """What to warn of where a SEG-Y stands in for the array, a line each.

    Raises:
        UsageError: it has other lines or samples.
    """
    counted = _is_counted(store)
    check_lies_on(store, survey, numbered=not counted)
    if counted:
        yield (
            f"{store.path} was made of an array without line numbers: its traces are taken for "
            f"those of {survey.path} by their places alone"
        )
    mine, theirs = store.array("time_ms"), survey.times_ms
    if not np.allclose(mine, theirs, rtol=0, atol=0.01 * survey.scan.interval_ms):
        first, last = (f"{times[0]:g} to {times[-1]:g} ms" for times in (mine, theirs))
        yield f"samples of {store.path} are of {first}, and the headers, which are kept, say {last}"
    found = survey.scan.percentiles
    both = [(value, found[name]) for name, value in array.percentiles.items() if name in found]
    if not all(math.isclose(*pair, rel_tol=_ALIKE) for pair in both):
        yield of_others(store, survey)


def _is_counted(store: Store) -> bool:
    """Whether lines are counted from 1 both ways, as where an array does not number them."""
    return all(
        np.array_equal(numbers, np.arange(1, len(numbers) + 1))
        for numbers in (store.array("inline"), store.array("crossline"))
    )


def settings_of_array(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run, saying whose numbers they are in."""
    given = {name: settings[name] for name in _OF_ITS_OWN if settings.get(name, "all") != "all"}
    return dict(settings) | {name: f"{value} of the array" for name, value in given.items()}
