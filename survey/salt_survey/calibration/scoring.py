"""How well probabilities agree with an interpreter's section, at all thresholds at once."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from salt_survey.sections.settings import LineScore
from salt_survey.sections.tiling import WHITE, Grey, levels_above

NONE, UNKNOWN, SALT = 0, 128, 255  # of a label's pixels

_LEVELS = WHITE + 1


def known_within(label: Grey, part: tuple[slice, slice]) -> Grey:
    """A label [samples, traces] in a part of its section, and unknown everywhere else."""
    known = np.full_like(label, UNKNOWN)
    known[part] = label[part]
    return known


class Counts(NamedTuple):
    """Pixels of a section.

    Attributes:
        found: salt that was found.
        missed: salt that was not.
        wrong: background that was taken for salt.
        right: background that was not.
    """

    found: int
    missed: int
    wrong: int
    right: int


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Pixels by probability.

    Attributes:
        salt: int64 [256], pixels of salt with each probability, 255 for 1.
        none: int64 [256], pixels without.
        unknown: int64 [256], pixels of which the label says neither, and which no score is of.
    """

    salt: npt.NDArray[np.int64]
    none: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]

    @classmethod
    def of(cls, probability: Grey, label: Grey) -> Self:
        """Count.

        Args:
            probability: uint8, in 1/255.
            label: uint8 of the same shape; other values than salt and none are unknown.
        """
        total, salt, none = (
            np.bincount(these, minlength=_LEVELS).astype(np.int64)
            for these in (
                probability.ravel(),
                probability[label == SALT],
                probability[label == NONE],
            )
        )
        return cls(salt, none, total - salt - none)

    def joined(self, other: Agreement) -> Agreement:
        """Of these pixels and others."""
        parts = zip(vars(self).values(), vars(other).values(), strict=True)
        return Agreement(*(mine + theirs for mine, theirs in parts))

    def score(self, line: str, threshold: float) -> LineScore:
        """The same in a few numbers; ``line``: what it is of."""
        best_threshold, best_iou = self.best()
        ap = self.average_precision
        return LineScore(line, self.iou(threshold), ap, best_threshold, best_iou)

    def counts(self, threshold: float) -> Counts:
        """Pixels on both sides of a threshold."""
        above = levels_above(threshold)
        parts = (self.salt[above], self.salt[~above], self.none[above], self.none[~above])
        return Counts(*(int(part.sum()) for part in parts))

    def found_where_unknown(self, threshold: float) -> int:
        """Pixels above a threshold of which the label does not say what they are."""
        return int(self.unknown[levels_above(threshold)].sum())

    def iou(self, threshold: float) -> float:
        """Intersection over union of salt above a threshold and salt, 0..1."""
        found, missed, wrong, _ = self.counts(threshold)
        return _share(found, found + missed + wrong)

    def inverted_iou(self, threshold: float) -> float:
        """The same of a label with salt and background exchanged. Salt found everywhere has much of
        any background, and none of it found has much of any salt, so that it is the lesser of both.
        """
        found, missed, wrong, right = self.counts(threshold)
        return min(_share(wrong, found + wrong + right), _share(missed, found + missed + right))

    def best(self) -> tuple[float, float]:
        """The threshold at which IoU is greatest, in hundredths, and IoU there."""
        tried = [(self.iou(step / 100), step / 100) for step in range(1, 100)]
        iou, threshold = max(tried, key=lambda each: (each[0], -abs(each[1] - 0.5)))
        return threshold, iou

    @property
    def average_precision(self) -> float:
        """Area under precision over recall, in steps of the 256 probabilities, 0..1."""
        found, wrong = (np.cumsum(counts[::-1]) for counts in (self.salt, self.none))
        precision = found / np.maximum(found + wrong, 1)
        total = int(self.salt.sum())
        return float((precision * self.salt[::-1]).sum() / total) if total else 0.0


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
