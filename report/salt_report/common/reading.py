"""What the reports are made from: tiles, true masks, submissions.

Nothing is passed over: what cannot be read or does not belong together ends the run with a message
that names it, since a report on the rest would look sound.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from salt_infer.data import dataset
from salt_infer.data.ids import Known, some
from salt_infer.data.labels import Labels
from salt_infer.data.oddities import Odd
from salt_infer.data.tiles import decode_all, others_than
from salt_infer.errors import InputError, LabelError
from salt_infer.masks import table
from salt_infer.masks.coverage import coverage_class
from salt_infer.masks.rle import TILE_SHAPE
from salt_infer.system.text import listed, named
from salt_report.common.kinds import Images
from salt_report.errors import ReportError

_PARTIAL = "--partial scores only the tiles that have both a row and a label"


@dataclasses.dataclass(frozen=True)
class LabelledTiles:
    """Tiles with their masks.

    Attributes:
        ids: N ids, sorted.
        tiles: uint8 [N, 101, 101].
        masks: uint8 [N, 101, 101], 0 or 1.
        odd: tiles that are, as they were read, see :data:`salt_infer.data.oddities.Odd`.
        some_unknown: pixels of some are unknown, and are here as their masks have them.
    """

    ids: tuple[str, ...]
    tiles: Images
    masks: Images
    odd: Odd = dataclasses.field(default_factory=dict)
    some_unknown: bool = False

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """Coverage classes 0..10 of the masks: int64 [N]."""
        return coverage_class(self.masks)


@dataclasses.dataclass(frozen=True)
class Submission:
    """A submission's masks of some tiles.

    Attributes:
        path: the file.
        masks: uint8 [N, 101, 101], 0 or 1.
        salt: float64 [N], the judge's probability, NaN for a tile that the model has not seen; or
            None where the file does not have it.
        confidence: float64 [N], the score that the model expected; None likewise, or where it was
            not asked for.
    """

    path: Path
    masks: Images
    salt: npt.NDArray[np.float64] | None
    confidence: npt.NDArray[np.float64] | None = None


def labelled_tiles(path: Path) -> LabelledTiles:
    """Read all tiles and masks of what ``salt-train --data`` takes.

    Raises:
        InputError: no labelled data there, or two tiles with one id.
        BadTilesError: tiles cannot be read; they are named.
        LabelError: labels are missing, or cannot be read.
    """
    layout = dataset.find(path)
    with layout.open("images") as source, layout.labels() as labels:
        ids = tuple(tile.id for tile in source.tiles)
        labels.check(ids)
        found = decode_all(path, source, source.tiles)
        some_unknown = layout.unknown is not None
        return LabelledTiles(ids, found.pixels, masks(labels, ids), found.odd, some_unknown)


def tiles(path: Path, ids: Sequence[str], submissions: Iterable[Labels] = ()) -> Images:
    """Tiles of those ids: uint8 [N, 101, 101].

    Args:
        path: directory or zip of tiles, or one with ``images/`` inside.
        ids: in which order.
        submissions: of these tiles.

    Raises:
        InputError: no such path, or no tiles in it.
        ReportError: a tile is missing, or is not the one that a submission says it was made of.
        BadTilesError: tiles cannot be read.
    """
    with dataset.open_within(path, "images") as source:
        found = Known(tile.id for tile in source.tiles)
        if missing := found.missing(ids):
            raise ReportError(
                f"{path} does not have {len(missing)} of the {len(ids)} tiles: {named(missing)}; "
                f"{found.instead(missing)}"
            )
        places = {tile.id: tile for tile in source.tiles}
        chosen = [places[found.find(name) or name] for name in ids]
        decoded = decode_all(path, source, chosen).pixels
    for submission in submissions:
        _check_pixels(path, ids, decoded, submission)
    return decoded


def _check_pixels(path: Path, ids: Sequence[str], pixels: Images, submission: Labels) -> None:
    written = [submission.find(name) or name for name in ids]
    if places := others_than(submission.path, written, pixels):
        raise ReportError(
            f"{len(places)} of {len(ids)} tiles in {path} have other pixels than those that "
            f"{submission.path} was made of: {named([ids[place] for place in places])}; name the "
            "tiles that it was made of, or leave --images out"
        )


def masks(given: Labels, ids: Sequence[str]) -> Images:
    """Masks of those ids: uint8 [N, 101, 101], 0 or 1; raises LabelError, naming what is broken."""
    decoded, faults = np.zeros((len(ids), *TILE_SHAPE), np.uint8), []
    for row, name in enumerate(ids):
        try:
            decoded[row] = given.masks([name])[0]
        except LabelError as error:  # says again of which file and tile it speaks; its cause not
            faults.append((name, str(error.__cause__ or error)))
    if faults:
        raise LabelError(
            f"{given.path}: {len(faults)} of {len(ids)} masks cannot be read:{listed(faults)}"
        )
    return decoded


def rows(path: Path) -> Labels:
    """Open a submission: a table that starts with the columns ``id,rle_mask``.

    Raises:
        InputError: there is no such file, or its name says that it is something else.
        LabelError: it cannot be read.
    """
    if not table.kind(path):
        raise InputError(
            f"submission {path} does not end in {' or '.join(table.ENDINGS)}, expected a table of "
            "id,rle_mask"
        )
    return Labels(path)


def all_ids(submission: Labels) -> tuple[str, ...]:
    """The tiles of a submission, sorted.

    Raises:
        ReportError: there are none.
    """
    if not submission.ids:
        raise ReportError(f"{submission.path} has no rows, expected one for each tile")
    return tuple(sorted(submission.ids))


def scored_ids(
    submission: Labels, truth: Labels, partial: bool, other: Labels | None = None
) -> tuple[str, ...]:
    """The tiles to score, sorted, as the labels call them: all that have a label or, if
    ``partial``, those of them that each submission has a row for.

    Raises:
        ReportError: a submission has rows without a label or lacks rows; if ``partial``, only
            where that leaves no tile.
    """
    submissions = [submission] if other is None else [submission, other]
    for each in submissions:
        all_ids(each)
        if not truth.ids:
            raise ReportError(f"{truth.path} has no labels, expected one for each tile")
        _check_once(each, truth)
    ids = sorted(truth.ids)
    if partial:
        common = [name for name in ids if not any(each.find(name) is None for each in submissions)]
        if not common:
            paths = ", ".join(str(each.path) for each in (*submissions, truth))
            raise ReportError(f"no tile is in all of {paths}: {_sides(submission, truth)}")
        return tuple(common)
    for each in submissions:
        _check_labelled(each, truth)
        _check_rows(each, ids)
    return tuple(ids)


def _check_once(submission: Labels, truth: Labels) -> None:
    """Raise ReportError where two ids of one side are one of the other: names that read the same,
    written in other characters.
    """
    for one, other in ((submission, truth), (truth, submission)):
        found = Counter(each for each in map(other.find, one.ids) if each is not None)
        if twice := [name for name, count in found.items() if count > 1]:
            raise ReportError(
                f"{one.path} has several rows for {named(twice)} of {other.path}: their names read "
                "the same, and are written in other characters; rename them"
            )


def unlabelled(submission: Labels, truth: Labels) -> list[str]:
    """Ids of the rows that there is no label for, sorted."""
    return sorted(name for name in submission.ids if truth.find(name) is None)


def _check_labelled(submission: Labels, truth: Labels) -> None:
    """Raise ReportError unless each row is of a tile that has a label."""
    if strangers := unlabelled(submission, truth):
        all_of_them = len(strangers) == len(submission.ids)
        advice = _sides(submission, truth) if all_of_them else _PARTIAL
        raise ReportError(
            f"{submission.path} has {len(strangers)} of {len(submission.ids)} rows that "
            f"{truth.path} has no label for: {named(strangers)}; is it of other tiles? {advice}"
        )


def _check_rows(submission: Labels, ids: Sequence[str]) -> None:
    """Raise ReportError unless there is a row for each of these tiles."""
    if missing := [name for name in ids if submission.find(name) is None]:
        raise ReportError(
            f"{submission.path} has no row for {len(missing)} of {len(ids)} tiles: "
            f"{named(missing)}; a tile without salt has a row too, with an empty mask ({_PARTIAL})"
        )


def _sides(submission: Labels, truth: Labels) -> str:
    return f"rows are called {some(submission.ids, 2)}, labels {some(truth.ids, 2)}"


def submission(rows: Labels, ids: Sequence[str], confidence: bool = False) -> Submission:
    """A submission's masks, and the judge's probabilities where the file has them.

    Args:
        rows: the submission.
        ids: in which order.
        confidence: read that column too, which not every page is about.

    Raises:
        LabelError: run-length strings or numbers are malformed; they are named.
        ReportError: a probability is not within 0..1.
    """
    written = [rows.find(name) or name for name in ids]
    salt = _column(rows.path, table.SALT, written)
    sure = _column(rows.path, table.CONFIDENCE, written) if confidence else None
    return Submission(rows.path, masks(rows, ids), salt, sure)


def _column(path: Path, column: str, ids: Sequence[str]) -> npt.NDArray[np.float64] | None:
    if (found := table.find_column(path, column)) is None:
        return None
    faults = [
        (name, repr(found[name]))
        for name in ids
        if not ((column == table.SALT and math.isnan(found[name])) or 0 <= found[name] <= 1)
    ]
    if faults:
        raise ReportError(
            f"{path}: {len(faults)} of {len(ids)} numbers in the column {column} are no "
            f"probabilities, expected 0 to 1:{listed(faults)}"
        )
    return np.array([found[name] for name in ids])
