"""How many times as fast: ratios of samples that were taken in turn.

Speeds depend on the machine and on who else uses it; two ways that take turns suffer alike, so that
the ratio of a round says more than either of its samples.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Ratio:
    """What rounds gave.

    Attributes:
        median: of the rounds' ratios.
        min: the least of them.
        max: the greatest.
    """

    median: float
    min: float
    max: float

    @property
    def spread(self) -> float:
        """From the least round to the greatest."""
        return self.max - self.min

    def __str__(self) -> str:
        return f"{self.median:.2f}x ({self.min:.2f} to {self.max:.2f})"


def paired(numerators: Sequence[float], denominators: Sequence[float]) -> Ratio:
    """Round by round.

    Args:
        numerators: a positive sample a round. For more to be better, ours where samples are rates,
            the others' where they are seconds.
        denominators: the others', of the same rounds.

    Raises:
        ValueError: no rounds, or not as many of one as of the other.
    """
    rounds = [ours / theirs for ours, theirs in zip(numerators, denominators, strict=True)]
    if not rounds:
        raise ValueError("no rounds were measured; expected a sample of each in every round")
    return Ratio(statistics.median(rounds), min(rounds), max(rounds))


def to_json(ratios: Mapping[str, Ratio]) -> dict[str, dict[str, float]]:
    """What a result file has under ``ratios``."""
    return {name: dataclasses.asdict(ratio) for name, ratio in ratios.items()}


def of(result: Mapping[str, Any]) -> dict[str, Ratio]:
    """The ratios of a result file; none where it has none."""
    return {name: Ratio(**found) for name, found in result.get("ratios", {}).items()}
