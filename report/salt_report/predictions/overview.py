"""What can be said of masks without true ones: how much salt they have, how sure the model was.

Everything is counted from one table with a row a tile (:func:`table`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from salt_infer.masks.coverage import TINY
from salt_infer.masks.table import CONFIDENCE, SALT
from salt_infer.system.text import shown
from salt_report.common import coverage
from salt_report.common.kinds import flags
from salt_report.common.reading import Submission

# Bounds of the classes of confidence.
BOUNDS = (0.0, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
UNSURE = 0.8  # of the challenge's tiles below it, a mask scores less than the model expects

DOUBT = "doubt"  # the section of the least sure tiles

_NAMED = 3  # tiles in the terminal's line


def table(ids: Sequence[str], submission: Submission) -> pd.DataFrame:
    """What is known of each of N tiles.

    Returns:
        Indexed by id: ``salt_px``, ``coverage`` (0..1), ``coverage_class`` (0..10), a bool each for
        ``vertical``, ``tiny`` and ``nearly full`` (:data:`salt_report.common.kinds.KINDS`) and for
        ``unread``, and ``salt`` and ``confidence`` (0..1) where the submission has them.
    """
    judged = {SALT: submission.salt, CONFIDENCE: submission.confidence}
    nobody = np.zeros(len(ids), dtype=bool)
    columns = {
        **coverage.columns(submission.masks),
        **flags(submission.masks, None),
        "unread": nobody if submission.salt is None else np.isnan(submission.salt),
        **{name: values for name, values in judged.items() if values is not None},
    }
    return pd.DataFrame(columns, index=pd.Index(list(ids), name="id", dtype=object))


@dataclasses.dataclass(frozen=True)
class Overview:
    """Counts of tiles.

    Attributes:
        tiles, salt: all, and those with a mask that is not empty.
        tiny: masks of no more than :data:`salt_infer.masks.coverage.TINY` pixels.
        full: masks of nothing but salt.
        share: of all pixels that are salt, 0..1.
        unread: tiles that the model has not seen, as far as the submission tells.
        unsure: of the others, those with a confidence below UNSURE that were not corrected before;
            None where it is not known.
    """

    tiles: int
    salt: int
    tiny: int
    full: int
    share: float
    unread: int
    unsure: int | None


def overview(known: pd.DataFrame, corrected: frozenset[str] = frozenset()) -> Overview:
    """Sum up a :func:`table`; ``corrected`` before were tiles of these ids."""
    new = ~known.index.isin(corrected)
    unsure = new & (known[CONFIDENCE] < UNSURE) if CONFIDENCE in known else None
    return Overview(
        tiles=len(known),
        salt=int((known.salt_px > 0).sum()),
        tiny=int(known.tiny.sum()),
        full=int((known.coverage == 1).sum()),
        share=float(known.coverage.mean()),
        unread=int(known.unread.sum()),
        unsure=None if unsure is None else int((unsure & ~known.unread).sum()),
    )


def by_confidence(known: pd.DataFrame) -> pd.DataFrame:
    """Tiles that the model has seen in classes of confidence, the least sure first.

    Returns:
        A row a class, named by its bounds, of which the lower one is in it: ``tiles``, and of these
        ``salt`` with a mask and ``clear`` without.
    """
    seen = known[~known.unread]
    number = np.searchsorted(BOUNDS[1:-1], seen[CONFIDENCE].to_numpy(), side="right")
    counted = pd.crosstab(number, seen.salt_px > 0)
    counted = counted.reindex(index=range(len(BOUNDS) - 1), columns=[True, False], fill_value=0)
    counted.columns = ["salt", "clear"]
    bounds = itertools.pairwise(BOUNDS)
    counted.index = pd.Index([f"{low:.3g} to {high:.3g}" for low, high in bounds])
    return counted.assign(tiles=counted.salt + counted.clear)


@dataclasses.dataclass(frozen=True)
class Choice:
    """Tiles to be shown together, of those that there are; ``known`` has the shown ones' rows."""

    section: str
    title: str
    text: str
    known: pd.DataFrame
    of: int


def choices(
    known: pd.DataFrame, most: int, corrected: frozenset[str] = frozenset()
) -> list[Choice]:
    """What to look at, up to ``most`` tiles of each kind; kinds that there are none of left out.
    Tiles that were ``corrected`` are not among the least sure.
    """
    known = known[~known.unread]
    salt = known[known.salt_px > 0]
    new = known[~known.index.isin(corrected)]
    sure = new.sort_values(CONFIDENCE, kind="stable") if CONFIDENCE in known else known[:0]
    by_size = salt.sort_values("salt_px", kind="stable")
    tiny, full = by_size[by_size.tiny], by_size[by_size["nearly full"]][::-1]
    but = ", without those that were corrected before" if corrected else ""
    kinds = (
        (DOUBT, "Least sure", f"The least sure first{but}.", sure),
        ("masks", "From all over", "Of each coverage class as many, by turns.", _by_turns(known)),
        ("kinds", "Tiny", "The smallest masks first.", tiny),
        ("kinds", "Nearly full", "The fullest first.", full),
        ("kinds", "Vertical", "Masks of whole columns.", salt[salt.vertical]),
    )  # fmt: skip
    return [
        Choice(section, title, text, rows.head(most), len(rows))
        for section, title, text, rows in kinds
        if len(rows) and most
    ]


def _by_turns(known: pd.DataFrame) -> pd.DataFrame:
    """A tile of each coverage class, then another of each, until there are no more."""
    turn = known.groupby(coverage.CLASS).cumcount()
    return known.assign(turn=turn).sort_values(["turn", coverage.CLASS], kind="stable")


@dataclasses.dataclass(frozen=True)
class Look:
    """Masks, and what is to be seen of them.

    Attributes:
        submission: N masks.
        places: of each id, its row in them.
        known: a row a tile, see :func:`table`.
        overview: counts.
        classes: of confidence; None where it is not known.
        choices: tiles to be shown.
        corrected: ids of those that were corrected before.
    """

    submission: Submission
    places: Mapping[str, int]
    known: pd.DataFrame
    overview: Overview
    classes: pd.DataFrame | None
    choices: Sequence[Choice]
    corrected: frozenset[str] = frozenset()

    @property
    def shown(self) -> list[str]:
        """Ids of the tiles that are shown, sorted."""
        return sorted({name for choice in self.choices for name in choice.known.index})


def look(
    ids: Sequence[str], submission: Submission, most: int, corrected: frozenset[str] = frozenset()
) -> Look:
    """Count everything, and choose up to ``most`` tiles of each kind to be shown; ``corrected``
    before were tiles of these ids, and may be others.
    """
    known = table(ids, submission)
    seen = frozenset(known.index[~known.unread])
    return Look(
        submission=submission,
        places={name: place for place, name in enumerate(ids)},
        known=known,
        overview=overview(known, corrected),
        classes=by_confidence(known) if CONFIDENCE in known else None,
        choices=choices(known, most, corrected),
        corrected=corrected & seen,
    )


def summary(found: Look) -> list[str]:
    """The answers in a few lines for the terminal."""
    it = found.overview
    lines = [
        f"{it.tiles} masks: {it.salt} with salt ({it.tiny} of 1 to {TINY} px, {it.full} full), "
        f"{it.tiles - it.salt} empty; {it.share:.1%} of all pixels are salt"
    ]
    if it.unread:
        lines.append(f"{it.unread} tiles could not be read: their masks say nothing")
    if found.corrected:
        lines.append(f"{len(found.corrected)} tiles were corrected before")
    if it.unsure is not None:
        of_these = " of those not corrected before" if found.corrected else ""
        lines.append(f"confidence below {UNSURE}: {it.unsure}{of_these}{_least_sure(found)}")
    return lines


def _least_sure(found: Look) -> str:
    for choice in found.choices:
        if choice.section == DOUBT:
            names = map(shown, choice.known.index[:_NAMED])
            return f", the least sure {', '.join(names)}"
    return ""
