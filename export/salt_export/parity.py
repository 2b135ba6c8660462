"""Torch against ONNX Runtime, in the units of the task. A file that differs is not published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from salt_export.errors import ExportError, ParityError
from salt_export.tolerances import (
    BATCH_SIZES,
    DRAWN_BATCH,
    DRAWN_SECOND,
    DRAWN_TILES,
    TILES,
    VIEWS,
    Tolerance,
)
from salt_infer.backends.device_session import DeviceSession
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.backends.providers import SessionPlan
from salt_infer.batch import views
from salt_infer.masks import metric, rle
from salt_infer.masks.decision import exceeds
from salt_infer.modelfile.contract import TTA_NAMES, Tta
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.settings import Settings
from salt_train.scoring.evaluate import Decision, Prediction

Tiles = npt.NDArray[np.uint8]  # [N, 101, 101]


@dataclasses.dataclass(frozen=True)
class Parity:
    """What comparing a file with the network in float32 has shown.

    Attributes:
        probability_max, probability_mean: difference of pixels' probabilities, over all shapes.
        salt_max: largest difference of tiles' salt.
        shapes: shapes compared, (N, V, K) each; K tiles kept by the gate.
        tiles: tiles of the comparison as deployed: flip, threshold and gate.
        pixels, pixels_flipped: pixels of those, and how many fall on the other side.
        rows_changed: tiles whose run-length string changes.
        knife_edge: pixels of tiles above the gate that are no farther from the threshold than the
            largest difference: luck decides on these.
        score, score_of_network: mean precision on labelled tiles, where there were labels.
    """

    probability_max: float
    probability_mean: float
    salt_max: float
    shapes: tuple[tuple[int, int, int], ...]
    tiles: int
    pixels: int
    pixels_flipped: int
    rows_changed: int
    knife_edge: int
    score: float | None = None
    score_of_network: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the contract.

        Differences have two digits: later ones tell of torch's threads, and the same export has
        the same bytes with any number of them.
        """
        differences = {
            name: float(f"{getattr(self, name):.1e}")
            for name in ("probability_max", "probability_mean", "salt_max")
        }
        shapes = [list(shape) for shape in self.shapes]
        return dataclasses.asdict(self) | differences | {"shapes": shapes}

    def lines(self, precision: str) -> list[str]:
        """The same for people, of a file in this precision. Of int8 nothing is said of the knife's
        edge: single probabilities are so far off that much of all would be on it.
        """
        edge = f", {self.knife_edge} pixels on the knife's edge" if precision != "int8" else ""
        lines = [
            f"against torch in {len(self.shapes)} shapes: probability within "
            f"{self.probability_max:.2g} (mean {self.probability_mean:.2g}), salt within "
            f"{self.salt_max:.2g}",
            f"as deployed, {self.tiles} tiles: {self.pixels_flipped} of {self.pixels} pixels "
            f"flipped, {self.rows_changed} rows changed{edge}",
        ]
        if self.score is not None:
            lines.append(f"score {self.score:.4f}, the network's {self.score_of_network:.4f}")
        return lines

    def check(self, tolerance: Tolerance) -> None:
        """Raise ParityError where the file is farther off than it may be."""
        worst = max(self.probability_max, self.salt_max)
        flipped = self.pixels_flipped / self.pixels
        if not tolerance.allows(worst, flipped, self.probability_mean):
            mean = f", {tolerance.mean:g} on average" if tolerance.mean < 1 else ""
            raise ParityError(
                f"the file differs from the network by {self.probability_max:.3g} in probability "
                f"({self.probability_mean:.2g} on average) and {self.salt_max:.3g} in salt, "
                f"{self.pixels_flipped} of {self.pixels} pixels flipped; expected at most "
                f"{tolerance.probability:g}{mean} and a share of {tolerance.flipped:g}"
            )

    def check_score(self, max_drop: float) -> None:
        """Raise ParityError where there are labels and the file loses more of the score."""
        if self.score is None or self.score_of_network is None:
            return
        drop = self.score_of_network - self.score
        if drop > max_drop:
            raise ParityError(
                f"the file loses {drop:.4f} of the network's score {self.score_of_network:.4f}, "
                f"expected at most {max_drop:g} (--max-drop)"
            )


def compare(
    reference: nn.Module,
    path: Path,
    tiles: Tiles,
    decision: Decision,
    masks: npt.NDArray[np.uint8] | None = None,
) -> Parity:
    """Run a file as ``salt-infer`` does and compare it with the network.

    Args:
        reference: the dense graph in float32; called as the file is.
        path: file to try.
        tiles: uint8 [M, 101, 101], at least TILES of them.
        decision: threshold and gate of the file.
        masks: uint8 [M, 101, 101], true masks of these tiles, or None.

    Raises:
        ExportError: too few tiles.
        ParityError: values that are not finite, other tiles kept by the gate, or other masks drawn
            as on a GPU.
    """
    check_enough(tiles)
    session = ModelSession(path)
    apart = Difference()
    for batch in _batches(tiles):
        _compare_shape(reference, session, batch, apart)
    if not session.contract.gated:
        for tta in TTA_NAMES:
            check_drawn(path, tiles[:DRAWN_TILES], decision, cast(Tta, tta))
    return _as_deployed(reference, session, tiles, decision, masks, apart)


def check_drawn(path: Path, tiles: Tiles, decision: Decision, tta: Tta) -> None:
    """Masks that are drawn where the probabilities are, as on a GPU, have to be those which the
    host draws from the same probabilities, bit for bit.

    Raises:
        ParityError: they are not.
    """
    shape = (DRAWN_BATCH, views.together(tta))
    second = DRAWN_SECOND if tta == "doubtful" else 0
    session = DeviceSession(path, None, SessionPlan(shape=shape, second=second))
    model = SaltModel(session, Settings(decision.threshold, decision.gate, tta))
    host, device = (
        model.decide(model.run(tiles, keep_all=True, probabilities=told)) for told in (True, False)
    )
    wrong = int(np.count_nonzero(host.masks != device.masks))
    if wrong or not np.array_equal(host.salt, device.salt):
        raise ParityError(
            f"with --tta {tta} {wrong} of {host.masks.size} pixels drawn as on a GPU differ from "
            "those that the host draws"
        )


def check_enough(tiles: Tiles) -> None:
    """Raise ExportError where there are too few tiles to prove anything on."""
    if len(tiles) < TILES:
        raise ExportError(f"there are {len(tiles)} tiles to verify on, expected at least {TILES}")


class Difference:
    """Differences gathered over many comparisons.

    Attributes:
        shapes: compared, (N, V, K) each; told by the caller.
        probability, salt: the largest so far.
    """

    def __init__(self) -> None:
        self.shapes: list[tuple[int, int, int]] = []
        self.probability = self.salt = self.total = 0.0
        self.count = 0

    @property
    def mean(self) -> float:
        """Of all probabilities."""
        return self.total / self.count

    def add(self, seen: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
        """Take probabilities; raise ParityError where shapes differ or some are not finite."""
        apart = _apart(seen, expected)
        self.probability = max(self.probability, float(apart.max(initial=0.0)))
        self.total += float(apart.sum(dtype=np.float64))
        self.count += apart.size

    def add_salt(self, seen: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
        """The same of tiles' salt."""
        self.salt = max(self.salt, float(_apart(seen, expected).max()))


def _compare_shape(
    reference: nn.Module, session: ModelSession, batch: Tiles, apart: Difference
) -> None:
    expected, salt = run_network(reference, batch)
    count, ways = batch.shape[:2]
    for gate in _gates(salt, session.contract.gated):
        seen = session.run(batch, gate)
        kept = np.flatnonzero(exceeds(seen.salt, gate))
        if not np.array_equal(seen.kept, kept):
            raise ParityError(
                f"the file keeps tiles {seen.kept.tolist()} at gate {gate:.4f}, its own salt says "
                f"{kept.tolist()}"
            )
        apart.add(seen.probability, expected[kept])
        apart.add_salt(seen.salt, salt)
        apart.shapes.append((count, ways, len(kept)))


def _as_deployed(
    reference: nn.Module,
    session: ModelSession,
    tiles: Tiles,
    decision: Decision,
    truth: npt.NDArray[np.uint8] | None,
    apart: Difference,
) -> Parity:
    """Flip, threshold and gate over all tiles, a batch at a time."""
    mine, theirs, margins = [], [], []
    for start in range(0, len(tiles), TILES):
        stacked = views.make(tiles[start : start + TILES], "hflip")
        network = _merged(*run_network(reference, stacked))
        file = whole(session, stacked)
        apart.add(file.probability, network.probability)
        apart.add_salt(file.salt, network.salt)
        drawn = network.probability[decision.passes(network.salt)]
        margins.append(np.abs(drawn - decision.threshold).ravel())
        mine.append(file.masks(decision))
        theirs.append(network.masks(decision))
    seen, expected = np.concatenate(mine), np.concatenate(theirs)
    rows = zip(rle.encode(seen), rle.encode(expected), strict=True)
    return Parity(
        probability_max=apart.probability,
        probability_mean=apart.mean,
        salt_max=apart.salt,
        shapes=tuple(apart.shapes),
        tiles=len(tiles),
        pixels=seen.size,
        pixels_flipped=int(np.count_nonzero(seen != expected)),
        rows_changed=sum(a != b for a, b in rows),
        knife_edge=sum(int(np.count_nonzero(each <= apart.probability)) for each in margins),
        score=None if truth is None else metric.score(truth, seen).mean,
        score_of_network=None if truth is None else metric.score(truth, expected).mean,
    )


def run_network(
    reference: nn.Module, batch: Tiles
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Probability float32 [N, V, 101, 101] and salt float32 [N] of uint8 [N, V, 101, 101]."""
    with torch.inference_mode():
        probability, salt = reference(torch.from_numpy(batch))
    return probability.numpy(), salt.numpy()


def whole(session: ModelSession, stacked: Tiles) -> Prediction:
    """What a file says of every tile of uint8 [N, 2, 101, 101]: each with its flip, no gate."""
    run = session.run(stacked, gate=-1.0)  # below any probability: keeps every tile
    return _merged(run.probability, run.salt)


def _merged(probability: npt.NDArray[np.float32], salt: npt.NDArray[np.float32]) -> Prediction:
    return Prediction(views.merge(probability, "hflip"), salt)


def _batches(tiles: Tiles) -> Iterator[Tiles]:
    """uint8 [N, V, H, W] in every shape. Views beyond the first are other tiles, not flips: the
    graph must not care, and equal views could hide that it mixes them up.
    """
    for count in BATCH_SIZES:
        for ways in VIEWS:
            index = np.arange(count * ways) % len(tiles)
            yield np.ascontiguousarray(tiles[index].reshape(count, ways, *tiles.shape[1:]))


def _gates(salt: npt.NDArray[np.float32], gated: bool) -> list[float]:
    """A gate that keeps every tile; for a gated file also one that keeps none and, in the widest
    gap between tiles' salt, one that keeps some.
    """
    everything = [-1.0]
    if not gated:
        return everything
    ordered = np.sort(salt.astype(np.float64))
    if len(ordered) == 1:
        return [*everything, 1.0]
    cut = int(np.diff(ordered).argmax())
    return [*everything, float((ordered[cut] + ordered[cut + 1]) / 2), 1.0]


def _apart(
    seen: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    if seen.shape != expected.shape:
        raise ParityError(f"the file gives shape {seen.shape}, the network {expected.shape}")
    if not (np.isfinite(seen).all() and np.isfinite(expected).all()):
        raise ParityError("the file or the network gives values that are not finite")
    return np.asarray(np.abs(seen - expected))
