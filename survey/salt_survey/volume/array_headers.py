"""Headers for a volume that was made of an array, which has none: those of a SEG-Y that is the same
survey, as far as the two can be held against each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from salt_infer.errors import UsageError
from salt_survey.reading.survey import Survey, probes
from salt_survey.scan.record import Scan
from salt_survey.volume.finished import AMPLITUDES, check_lies_on, of_others, scan_of
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
        UsageError: it has other lines or samples, or the same traces in other places.
    """
    counted = _is_counted(store)
    check_lies_on(store, survey, numbered=not counted)
    known = _is_known_again(store, survey)
    if counted and not known:
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
    if not known and not all(math.isclose(*pair, rel_tol=_ALIKE) for pair in both):
        yield of_others(store, survey)


class _Way(NamedTuple):
    """How an array may lie that has a survey's traces.

    Attributes:
        inlines_fall, crosslines_fall: from the last to the first.
        turned: its first axis is of crosslines.
    """

    inlines_fall: bool = False
    crosslines_fall: bool = False
    turned: bool = False

    def amplitudes(self, survey: Survey) -> str:
        """Of the survey as such an array, see :meth:`Survey.amplitudes`; it has all places."""
        rows, columns = survey.traces.shape
        return survey.amplitudes_at(
            self._place(divmod(at, columns), rows, columns) for at in probes(rows * columns)
        )

    def _place(self, place: tuple[int, int], rows: int, columns: int) -> tuple[int, int]:
        row, column = place
        if self.turned:
            row, column = column, row
        return (
            rows - 1 - row if self.inlines_fall else row,
            columns - 1 - column if self.crosslines_fall else column,
        )

    def words(self) -> str:
        """What is other than it should be."""
        fall = {"inlines": self.inlines_fall, "crosslines": self.crosslines_fall}
        falling = " and ".join(name for name, falls in fall.items() if falls)
        said = [f"its {falling} go from the last to the first"] if falling else []
        return " and ".join(said + ["its first axis is of crosslines"] * self.turned)


def _is_known_again(store: Store, survey: Survey) -> bool:
    """Whether a volume was made of the survey's amplitudes, each where it lies in the survey, as
    far as traces here and there tell: nothing, where these are dead.

    Raises:
        UsageError: it was, but they lie another way: an array that was saved in a file's order may
            have its lines the other way round.
    """
    if (kept := store.attributes.get(AMPLITUDES)) is None:
        return False
    rows, columns = survey.traces.shape
    either, as_is = (False, True), (False,)
    ways = itertools.product(
        either if rows > 1 else as_is,
        either if columns > 1 else as_is,
        either if rows == columns > 1 else as_is,
    )
    alike = {way for way in itertools.starmap(_Way, ways) if kept == way.amplitudes(survey)}
    if kept == survey.amplitudes():
        alike.add(_Way())
    if alike and _Way() not in alike:
        raise UsageError(
            f"{store.path} was made of an array with the amplitudes of {survey.path}, but "
            f"{min(alike).words()}; save it as [inline, crossline, sample] with rising numbers of "
            "both, and run that"
        )
    return alike == {_Way()}


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
