"""The int8 file that keeps the score: calibration compared, sensitive layers left in float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from salt_export import int8, parity, samples
from salt_export.errors import CalibrationError, ParityError
from salt_export.int8 import METHODS, Method, Prepared, Style
from salt_export.parity import Tiles
from salt_export.tolerances import TOLERANCES
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.batch import views
from salt_infer.masks import metric
from salt_train.scoring.evaluate import Decision, Prediction
from salt_train.training.step_monitor import telling

CALIBRATION_TILES = 300
RANKING_TILES = 64  # to tell sensitive layers from others
FEW = 10  # tiles with a mask, below which masks prove little
MAX_FLOAT = 0.5  # share of layers left in float32 beyond which a file is not worth being int8
# Of tiles without labels the float32 masks stand in for the truth. A changed mask may be better as
# well as worse: of the default network on its held-out tiles 0.0044 of the masks' agreement were
# lost, and the score moved by 0.0017.
AGREEMENT_FACTOR = 3.0

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
    """

    calibration: Tiles
    tiles: Tiles
    truth: npt.NDArray[np.uint8] | None
    decision: Decision
    max_drop: float
    say: Callable[[str], None] = lambda _: None

    @property
    def limit(self) -> float:
        """Largest drop that is let pass, as it is measured."""
        return self.max_drop * (AGREEMENT_FACTOR if self.truth is None else 1.0)


_DIGITS = 9  # of a mean of scores; those behind are the order in which it was added up


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
        """Lower is better: what holds first, then by score, of the same score by pixels, and where
        there are no masks to be told apart by, by probabilities.
        """
        return not self.within(limit), round(self.drop.mean, _DIGITS), self.flipped, self.moved

    def line(self) -> str:
        """The same for people."""
        return (
            f"score {-self.drop.mean:+z.4f}, {self.flipped:.2%} of the pixels flipped, "
            f"probabilities {self.moved:.4f} off on average"
        )


@dataclasses.dataclass(frozen=True)
class Found:
    """An int8 graph that passed, and how it came about.

    Attributes:
        proto: the graph.
        method: calibration that lost least.
        drops: score lost by each calibration, with every layer in int8.
        in_float: layers left in float32, most sensitive first.
        drop: score lost by the graph.
        labelled: against true masks; else against the float32 file's.
        tiles, calibration_tiles: how many.
        limit: largest drop let pass.
        layers: quantised convolutions, those in float included.
    """

    proto: onnx.ModelProto
    method: Method
    drops: dict[str, float]
    in_float: tuple[str, ...]
    drop: Drop
    labelled: bool
    tiles: int
    calibration_tiles: int
    limit: float
    layers: int

    def to_json(self) -> dict[str, Any]:
        """All but the graph, for the contract."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["proto"]
        drop = dataclasses.asdict(self.drop)
        return fields | {"drop": drop, "in_float": list(self.in_float)}

    def line(self) -> str:
        """The same for people."""
        return (
            f"int8 by {self.method}, {len(self.in_float)} of {self.layers} convolutions in float32:"
            f" score {-self.drop.mean:+z.4f} ({-self.drop.high:+z.4f} to {-self.drop.low:+z.4f}) "
            f"against {_against(self.labelled)} of {self.tiles} tiles, down to "
            f"{-self.limit:+z.4f} allowed"
        )


def _against(labelled: bool) -> str:
    return "labels" if labelled else "the float32 masks"


def search(
    proto: onnx.ModelProto, style: Style, guard: Guard, finish: Finish, folder: Path
) -> Found:
    """Quantise a graph so that the score holds.

    Args:
        proto: in float32.
        style: the device's.
        guard: what to stand up to.
        finish: makes a file of a graph.
        folder: for files on the way.

    Raises:
        ParityError: half of the layers in float32 do not suffice; lists the most sensitive.
    """
    trial = _Trial(guard, finish, folder, proto)
    if trial.with_mask < FEW:
        guard.say(
            f"warning: the network finds salt in {trial.with_mask} of {len(guard.tiles)} tiles: "
            "score and pixels say little of what int8 changes; --verify-images names others"
        )
    sample = samples.stratified(
        guard.calibration, trial.run(proto, guard.calibration), CALIBRATION_TILES
    )
    prepared = int8.prepare(proto, folder)
    ranges = dict(_ranges(prepared, sample, folder, guard.say))
    losses: dict[str, Loss] = {}
    for method, path in ranges.items():
        graph = int8.quantize(prepared, path, method, style)
        losses[method] = trial.loss(graph)
        guard.say(f"int8 by {method}: {losses[method].line()}")
    best = min(ranges, key=lambda method: losses[method].rank(guard.limit))
    make = _Make(prepared, ranges[best], best, style)
    graph, in_float, drop = _relaxed(make, trial, guard)
    return Found(
        proto=graph,
        method=best,
        drops={method: loss.drop.mean for method, loss in losses.items()},
        in_float=in_float,
        drop=drop,
        labelled=guard.truth is not None,
        tiles=len(guard.tiles),
        calibration_tiles=len(sample),
        limit=guard.limit,
        layers=len(prepared.layers),
    )


def _ranges(
    prepared: Prepared, tiles: Tiles, folder: Path, say: Callable[[str], None]
) -> Iterator[tuple[Method, Path]]:
    """Of each method that finds some; the least and the greatest are always there."""
    seen: Path | None = None
    for method in METHODS:
        try:
            ranges = int8.calibrate(prepared, tiles, method, folder, seen)
            seen = ranges if method == "minmax" else seen
            yield method, ranges
        except CalibrationError as error:
            say(f"int8 by {method}: left out, {error}")


@dataclasses.dataclass(frozen=True)
class _Make:
    """Quantises with some layers in float32."""

    prepared: Prepared
    ranges: Path
    method: Method
    style: Style

    def __call__(self, in_float: Collection[str] = ()) -> onnx.ModelProto:
        return int8.quantize(self.prepared, self.ranges, self.method, self.style, in_float)


class _Trial:
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


def _relaxed(
    make: _Make, trial: _Trial, guard: Guard
) -> tuple[onnx.ModelProto, tuple[str, ...], Drop]:
    """Leave layers in float32, the most sensitive first, until score and masks hold."""
    graph = make()
    loss = trial.loss(graph)
    if loss.within(guard.limit):
        return graph, (), loss.drop
    layers, against = len(make.prepared.layers), _against(guard.truth is not None)
    bounds = TOLERANCES["int8"]
    most = int(layers * MAX_FLOAT)
    guard.say(
        f"more than is allowed, {-guard.limit:+z.4f} against {against}, {bounds.flipped:.0%} of "
        f"the pixels and {bounds.mean:g} of probabilities: {layers} convolutions are tried one by "
        f"one, which takes minutes, and up to {most} left in float32"
        + ("" if guard.truth is not None else "; --labels would tell what the score really loses")
    )
    ranking = _ranked(make, trial, guard.say)
    names = [name for name, _ in ranking]
    losses = {0: loss}

    def holds(count: int) -> bool:
        losses[count] = trial.loss(make(names[:count]))
        guard.say(f"{count} in float32, with {names[count - 1]}: {losses[count].line()}")
        return losses[count].within(guard.limit)

    if count := fewest(holds, most):
        return make(names[:count]), tuple(names[:count]), losses[count].drop
    loss = losses[most]
    larger = ", or give a larger --max-drop" if loss.drop.mean > guard.limit else ""
    raise ParityError(
        f"int8 loses {loss.drop.mean:.4f} of the score, flips {loss.flipped:.2%} of the pixels and "
        f"moves probabilities by {loss.moved:.4f} on average with the {most} most sensitive of "
        f"{len(names)} convolutions in float32, expected at most {guard.limit:g}, "
        f"{bounds.flipped:.0%} and {bounds.mean:g}; calibrate on more tiles like those to come"
        f"{larger}; nothing was written\n" + _table(ranking)
    )


def fewest(holds: Callable[[int], bool], most: int) -> int:
    """The least number of 1..most that holds, where all above one that does hold; 0 if none does.
    Asks for few: 1, 2, 4 and so on, then between the last two.
    """
    below, above = 0, min(1, most)
    while above and not holds(above):
        if above == most:
            return 0
        below, above = above, min(2 * above, most)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def _ranked(make: _Make, trial: _Trial, say: Callable[[str], None]) -> list[tuple[str, float]]:
    """Layers with how far probabilities move when each alone is in int8, farthest first."""
    layers = list(make.prepared.layers)
    expected = trial.few(make(layers))
    moved: list[tuple[str, float]] = []
    for layer in telling(layers, lambda done, _: say(f"{done} of {len(layers)} tried")):
        seen = trial.few(make([other for other in layers if other != layer]))
        moved.append((layer, float(np.abs(seen - expected).mean())))
    return sorted(moved, key=lambda item: -item[1])


def _table(ranking: Sequence[tuple[str, float]]) -> str:
    lines = [f"  {error:.5f}  {layer}" for layer, error in ranking]
    return "\n".join(["mean change of a pixel's probability with one convolution in int8:", *lines])
