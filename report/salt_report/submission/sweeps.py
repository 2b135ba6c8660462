"""What other thresholds and gates would have scored."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd

from salt_infer.data.probabilities import Probabilities
from salt_infer.masks import metric
from salt_infer.masks.decision import exceeds
from salt_report.common.kinds import Images
from salt_report.errors import ReportError

THRESHOLDS = tuple(step / 20 for step in range(1, 20))  # .05 .. .95
ROUNDING = 0.005  # of a score
ROUNDED = 0.05  # likewise, at most, where rounding matters; more has other reasons
LEVEL = 1 / 510  # how far probabilities in a file may be from those that masks were made of
UNDECIDED = 0.005  # share of pixels so near to a threshold from which on that may matter
GATES = tuple(step / 20 for step in range(20))  # 0 .. .95


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Scores of masks made from probabilities.

    Attributes:
        threshold, gate: what the masks are compared with: a pixel is salt above the one, a tile may
            have salt above the other; 0..1.
        score: what these give.
        undecided: share of the pixels that may be on the other side of the threshold, as
            probabilities are rounded after masks are made; in tiles that the gate lets pass.
        by_threshold: score by threshold, at ``gate``.
        by_gate: score by gate, at ``threshold``; none below ``lowest_gate``.
        grid: score of each pair; a row a threshold, a column a gate.
        lowest_gate: of which the probabilities can tell, see :func:`lowest_gate`; 0..1.
    """

    threshold: float
    gate: float
    score: float
    undecided: float
    by_threshold: pd.Series
    by_gate: pd.Series
    grid: pd.DataFrame
    lowest_gate: float

    def doubt(self, score: float) -> str:
        """Why a submission may have another score, in words; empty where it is this one, but for
        ROUNDING.
        """
        apart = abs(self.score - score)
        if apart <= ROUNDING:
            return ""
        at_an_end = min(self.threshold, 1 - self.threshold) <= LEVEL
        if self.undecided > UNDECIDED and (apart <= ROUNDED or at_an_end):
            return "its probabilities were rounded after masks were made, which matters here"
        return "the submission was made otherwise: --threshold and --gate say how, or by --min-area"

    @property
    def best(self) -> tuple[float, float, float]:
        """Threshold, gate and score of the best pair: the given one, or where it scores more that
        of the grid; of equals the first.
        """
        if self.score >= self.grid.to_numpy().max():
            return self.threshold, self.gate, self.score
        row, column = np.unravel_index(np.argmax(self.grid.to_numpy()), self.grid.shape)
        threshold, gate = self.grid.index[row], self.grid.columns[column]
        return float(threshold), float(gate), float(self.grid.iloc[row, column])


def sweep(truth: Images, given: Probabilities, threshold: float, gate: float) -> Sweep:
    """Score every threshold and gate.

    Args:
        truth: uint8 [N, 101, 101], non-zero is salt.
        given: probabilities of the same N tiles.
        threshold: what to vary gates at, 0..1.
        gate: what to vary thresholds at, 0..1.

    Raises:
        ReportError: ``gate`` is below what the probabilities can tell of.
    """
    lowest = lowest_gate(given)
    if np.float32(gate) < np.float32(lowest):
        raise ReportError(
            f"gate {gate:.3g} cannot be tried: tiles with salt up to {lowest:.3g} have no "
            "probabilities, since a run leaves out what its gate stops; give a higher --gate, or "
            "probabilities that salt-infer wrote with --gate 0"
        )
    # In float32, as masks are made.
    gates = tuple(each for each in GATES if np.float32(each) >= np.float32(lowest)) or (gate,)
    emitted = ungated(truth, given, (*THRESHOLDS, threshold))
    empty = ~truth.any(axis=(1, 2))
    # NaN is above no gate: a tile that the model has not seen gets an empty mask.
    passed = exceeds(given.salt, np.array([*gates, gate])[:, None])
    grid = np.stack([np.where(passed, row, empty).mean(axis=1) for row in emitted])
    columns = pd.Index(gates, name="gate")
    thresholds = pd.Index(THRESHOLDS, name="threshold")
    return Sweep(
        threshold=threshold,
        gate=gate,
        score=float(grid[-1, -1]),
        undecided=undecided(given, threshold, gate),
        by_threshold=pd.Series(grid[:-1, -1], thresholds),
        by_gate=pd.Series(grid[-1, :-1], columns),
        grid=pd.DataFrame(grid[:-1, :-1], thresholds, columns),
        lowest_gate=lowest,
    )


def lowest_gate(given: Probabilities) -> float:
    """The lowest gate that the probabilities can tell of.

    ``salt-infer`` writes zeros for tiles that its gate stopped. What such a tile would score at a
    lower gate is not in the file, and zeros would pass for a mask that was rightly left empty.

    Returns:
        The judge's highest probability up to which all tiles are zeros alone; 0 if there is none,
        and of a file that names no gate and has no tile with another pixel.
    """
    blank = np.concatenate([~block.any(axis=(1, 2)) for _, block in given.blocks()])
    drawn = given.salt[~blank]
    if given.gate is None and not len(drawn):
        return 0.0
    # Above the gate that the file names, zeros are the network's: uint8 has none below 1/510.
    highest = 1.0 if given.gate is None else given.gate
    salt = given.salt.astype(np.float32)
    stopped = (
        blank & (salt <= np.float32(highest)) & (given.salt < np.nanmin(drawn, initial=np.inf))
    )
    return float(np.max(given.salt[stopped], initial=0.0))


def undecided(given: Probabilities, threshold: float, gate: float) -> float:
    """Share of all pixels that rounding may have brought to the other side of a threshold, in a
    tile that the gate lets pass: of others all masks are empty.
    """
    if given.probability.dtype != np.uint8:
        return 0.0
    passed = exceeds(given.salt, gate)
    near = sum(
        np.count_nonzero(np.abs(block[passed[part]] - np.float32(threshold)) <= LEVEL)
        for part, block in given.blocks()
    )
    return near / max(1, given.probability.size)


def ungated(
    truth: Images, given: Probabilities, thresholds: tuple[float, ...]
) -> npt.NDArray[np.float64]:
    """Score of each tile at each threshold, whatever its judge says: float64 [T, N]."""
    scores = np.empty((len(thresholds), len(truth)))
    for part, probability in given.blocks():
        for row, threshold in enumerate(thresholds):
            masks = exceeds(probability, threshold)
            scores[row, part] = metric.score(truth[part], masks).per_tile
    return scores
