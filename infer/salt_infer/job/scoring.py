"""Rows against true masks, of which no more than some are unpacked at a time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from salt_infer import models
from salt_infer.data.labels import Labels
from salt_infer.errors import LabelError
from salt_infer.execution.results import Row
from salt_infer.masks import coverage, metric, rle
from salt_infer.masks.orientation import MOST, Fit

_COMPETITIONS = re.compile(r"[0-9a-f]{10}")  # ids of its tiles
_LETTER = re.compile("[a-f]")  # among ten digits of a number that counts there is none
_AT_ONCE = 1024  # tiles; true and predicted masks of these are in memory together


class Score(NamedTuple):
    """Mean precision of rows, and what all-empty masks would have; of how many tiles.

    Attributes:
        doubt: a warning about how labels lie; empty as a rule.
    """

    mean: float
    empty: float
    tiles: int
    doubt: str


class Truth(NamedTuple):
    """Labels as they were before the run.

    Attributes:
        rle: run-length string of each labelled tile, by the tile's id.
        doubt: a warning about what all of them have in common; empty as a rule.
    """

    rle: dict[str, str]
    doubt: str


def flattered(model: Mapping[str, Any], truth: Truth) -> str:
    """A warning where the shipped model may have learnt from the tiles that are scored, by the look
    of their ids, be it itself or what started from it, as far as a file tells; empty as a rule.

    Args:
        model: path and contract, as a report has them.
        truth: the labels.
    """
    alike = all(_COMPETITIONS.fullmatch(name) for name in truth.rle)
    if not (alike and any(map(_LETTER.search, truth.rle))):
        return ""
    told = "these ids look like those of the competition's tiles: the shipped model"
    learnt = "has learnt from nine in ten of the labelled ones, and a score on these"
    if models.ships(Path(model["path"])):
        return f"{told} {learnt} flatters it"
    validation = model["contract"]["validation"]
    members = validation.get("members", [validation])
    if any(models.is_of_one(each.get("start_sha256")) for each in members):
        return f"{told}, from which this one started, {learnt} may flatter it"
    return ""


def read(labels: Labels, ids: Sequence[str], partial: bool) -> Truth:
    """Read all labels, before hours are spent on what cannot be scored.

    Args:
        labels: true masks.
        ids: of the tiles.
        partial: tiles may lack a label.

    Raises:
        LabelError: a tile lacks its label, or all do, or a label is malformed.
    """
    ids = [name for name in ids if name.isprintable()]  # others have no row to be scored
    labelled = [name for name in ids if labels.find(name) is not None]
    if not (partial and labelled):
        labels.check(ids, "; --partial scores the tiles that have one" if labelled else "")
    sides, strings = coverage.Sides(), dict[str, str]()
    for start in range(0, len(labelled), _AT_ONCE):
        part = labelled[start : start + _AT_ONCE]
        masks = labels.masks(part)
        sides = sides.joined(coverage.Sides.of(masks))
        strings.update(zip(part, rle.encode(masks), strict=True))
    doubt = sides.doubt()
    return Truth(strings, f"{labels.path}: {doubt}" if doubt else "")


def score(truth: Truth, rows: Iterator[Row], out: Path) -> Score:
    """Score the rows that have a label, as written.

    Args:
        truth: the labels.
        rows: at least one with a label.
        out: where the rows were written.

    Raises:
        LabelError: no row has one.
    """
    mine, empty, fit = [], [], Fit()
    rows = (row for row in rows if row.id in truth.rle)
    while part := list(itertools.islice(rows, _AT_ONCE)):
        true = np.stack([rle.decode(truth.rle[row.id]) for row in part])
        predicted = np.stack([rle.decode(row.rle) for row in part])
        mine.append(metric.score(true, predicted).per_tile)
        empty.append(metric.score(true, np.zeros_like(true)).per_tile)
        if fit.tiles < MOST:
            fit = fit.joined(Fit.of(predicted, true))
    if not mine:
        raise LabelError(f"{out} is written but has no score: it has no tile that has a label")
    scores = np.concatenate(mine)
    mean, all_empty = float(scores.mean()), float(np.concatenate(empty).mean())
    return Score(mean, all_empty, len(scores), fit.doubt())
