"""What a graph loses against the float32 file, run as it would be deployed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from salt_export import parity
from salt_export.parity import Tiles
from salt_export.tolerances import TOLERANCES
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.batch import views
from salt_infer.masks import metric
from salt_train.scoring.evaluate import Decision, Prediction

RANKING_TILES = 64  # to tell sensitive layers from others
# Of tiles without labels the float32 masks stand in for the truth. A changed mask may be better as
# well as worse: of the default network on its held-out tiles 0.0044 of the masks' agreement were
# lost, and the score moved by 0.0017.
AGREEMENT_FACTOR = 3.0
_DIGITS = 9  # of a mean of scores; those behind are the order in which it was added up

Masks = npt.NDArray[np.bool_]  # [N, 101, 101]
Finish = Callable[[onnx.ModelProto], bytes]  # a graph to the bytes of a file that runs


@dataclasses.dataclass(frozen=True)
class Guard:
    """What an int8 file has to stand up to.

    Attributes:
        calibration: tiles to measure ranges on.
        tiles: tiles to compare masks on.
        truth: their true masks, or None: the float32 file's masks then stand in.
        decision: threshold and gate.
        max_drop: of the score; without labels three times as much disagreement is let pass.
        say: takes lines about the progress.
        doing: takes what is being done, when it begins.
    """

    calibration: Tiles
    tiles: Tiles
    truth: npt.NDArray[np.uint8] | None
    decision: Decision
    max_drop: float
    say: Callable[[str], None] = lambda _: None
    doing: Callable[[str], None] = lambda _: None

    @property
    def limit(self) -> float:
        """Largest drop that is let pass, as it is measured."""
        return self.max_drop * (AGREEMENT_FACTOR if self.truth is None else 1.0)


@dataclasses.dataclass(frozen=True)
class Drop:
    """Score lost against the float32 file, tile by tile: mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Loss:
    """What a graph loses against the float32 file.

    Attributes:
        drop: of the score.
        flipped: share of pixels whose mask is another.
        moved: mean change of a pixel's probability, tiles that the gate stops among them.
    """

    drop: Drop
    flipped: float
    moved: float

    def within(self, limit: float) -> bool:
        """Whether score and pixels hold: a poor network's score may hold where its masks do not,
        and the file would be refused when it is verified.
        """
        allowed = TOLERANCES["int8"].allows(0.0, self.flipped, self.moved)
        return self.drop.mean <= limit and allowed

    def rank(self, limit: float) -> tuple[bool, float, float, float]:
        """Lower is better: what holds first, then by what is lost of the score, of the same loss by
        pixels, and where there are no masks to be told apart by, by probabilities. A gain is no
        merit: it comes of masks that are others than the network's, on these tiles by chance.
        """
        lost = max(0.0, round(self.drop.mean, _DIGITS))
        return not self.within(limit), lost, self.flipped, self.moved

    def line(self) -> str:
        """The same for people."""
        return (
            f"score {-self.drop.mean:+z.4f}, {self.flipped:.2%} of the pixels flipped, "
            f"probabilities {self.moved:.4f} off on average"
        )


class Trial:
    """Runs graphs as they would be deployed and compares their masks."""

    def __init__(
        self, guard: Guard, finish: Finish, folder: Path, reference: onnx.ModelProto
    ) -> None:
        self.guard, self._finish = guard, finish
        self._path = folder / "trial.onnx"
        self._expected = self._predicted(reference, guard.tiles)
        self._reference = self._expected.masks(guard.decision)

    @property
    def with_mask(self) -> int:
        """Tiles in which the float32 file finds salt."""
        return int(np.count_nonzero(self._reference.any(axis=(1, 2))))

    def run(self, proto: onnx.ModelProto, tiles: Tiles) -> Masks:
        """Masks as deployed: flip, threshold, gate."""
        return self._predicted(proto, tiles).masks(self.guard.decision)

    def _predicted(self, proto: onnx.ModelProto, tiles: Tiles) -> Prediction:
        self._path.write_bytes(self._finish(proto))
        session = ModelSession(self._path)
        batches = [
            parity.whole(session, views.make(tiles[start : start + RANKING_TILES], "hflip"))
            for start in range(0, len(tiles), RANKING_TILES)
        ]
        return Prediction(
            np.concatenate([each.probability for each in batches]),
            np.concatenate([each.salt for each in batches]),
        )

    def loss(self, proto: onnx.ModelProto) -> Loss:
        """What is lost against the float32 file, the score paired by tile."""
        predicted = self._predicted(proto, self.guard.tiles)
        masks = predicted.masks(self.guard.decision)
        truth = self._reference if self.guard.truth is None else self.guard.truth
        before, after = (metric.score(truth, each).per_tile for each in (self._reference, masks))
        lost = before - after
        low, high = metric.interval(lost)
        flipped = float(np.mean(masks != self._reference))
        moved = float(np.abs(predicted.probability - self._expected.probability).mean())
        return Loss(Drop(float(lost.mean()), low, high), flipped, moved)

    def few(self, proto: onnx.ModelProto) -> npt.NDArray[np.float32]:
        """Probabilities on a few tiles."""
        return self._predicted(proto, self.guard.tiles[:RANKING_TILES]).probability
