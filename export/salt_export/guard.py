"""The int8 file that keeps the score: calibration compared, sensitive layers left in float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from salt_export import int8, samples
from salt_export.errors import CalibrationError, ParityError
from salt_export.int8 import METHODS, Method, Prepared, Style
from salt_export.parity import Tiles
from salt_export.tolerances import TOLERANCES
from salt_export.trial import Drop, Finish, Guard, Loss, Trial
from salt_train.training.step_monitor import telling

CALIBRATION_TILES = 300
FEW = 10  # tiles with a mask, below which masks prove little
MAX_FLOAT = 0.5  # share of layers left in float32 beyond which a file is not worth being int8


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
    proto: onnx.ModelProto,
    style: Style,
    guard: Guard,
    finish: Finish,
    folder: Path,
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
    guard.doing(f"running the float32 file on {len(guard.tiles)} tiles, to compare int8 with")
    trial = Trial(guard, finish, folder, proto)
    if trial.with_mask < FEW:
        guard.say(
            f"warning: the network finds salt in {trial.with_mask} of {len(guard.tiles)} tiles: "
            "score and pixels say little of what int8 changes; --verify-images names others"
        )
    sample = samples.stratified(
        guard.calibration, trial.run(proto, guard.calibration), CALIBRATION_TILES
    )
    prepared = int8.prepare(proto, folder)
    makes = [
        _Make(prepared, path, method, style)
        for method, path in _ranges(prepared, sample, folder, guard)
    ]
    losses = {
        make.method: _lost(make, f"{number} of {len(makes)}", trial, guard)
        for number, make in enumerate(makes, 1)
    }
    best = min(makes, key=lambda make: losses[make.method].rank(guard.limit))
    graph, in_float, drop = _relaxed(best, trial, guard)
    return Found(
        proto=graph,
        method=best.method,
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
    prepared: Prepared, tiles: Tiles, folder: Path, guard: Guard
) -> Iterator[tuple[Method, Path]]:
    """Of each method that finds some; the least and the greatest are always there."""
    seen: Path | None = None
    for number, method in enumerate(METHODS, 1):
        on = f"on {len(tiles)} tiles, {number} of {len(METHODS)}"
        guard.doing(f"measuring the ranges of int8 by {method} {on}")
        try:
            ranges = int8.calibrate(prepared, tiles, method, folder, seen)
            seen = ranges if method == "minmax" else seen
            yield method, ranges
        except CalibrationError as error:
            guard.say(f"int8 by {method}: left out, {error}")


@dataclasses.dataclass(frozen=True)
class _Make:
    """Quantises with some layers in float32."""

    prepared: Prepared
    ranges: Path
    method: Method
    style: Style

    def __call__(self, in_float: Collection[str] = ()) -> onnx.ModelProto:
        return int8.quantize(self.prepared, self.ranges, self.method, self.style, in_float)


def _lost(make: _Make, number: str, trial: Trial, guard: Guard) -> Loss:
    guard.doing(f"trying int8 by {make.method} on {len(guard.tiles)} tiles, {number}")
    loss = trial.loss(make())
    guard.say(f"int8 by {make.method}: {loss.line()}")
    return loss


def _relaxed(
    make: _Make, trial: Trial, guard: Guard
) -> tuple[onnx.ModelProto, tuple[str, ...], Drop]:
    """Leave layers in float32, the most sensitive first, until score and masks hold."""
    guard.doing(f"trying int8 by {make.method} on all convolutions")
    graph = make()
    loss = trial.loss(graph)
    if loss.within(guard.limit):
        return graph, (), loss.drop
    layers = len(make.prepared.layers)
    most = int(layers * MAX_FLOAT)
    guard.say(_too_much(guard, layers, most))
    guard.doing(f"trying {layers} convolutions one by one")
    ranking = _ranked(make, trial, guard.say)
    names = [name for name, _ in ranking]
    losses = {0: loss}

    def holds(count: int) -> bool:
        guard.doing(f"trying {count} of {layers} convolutions in float32")
        losses[count] = trial.loss(make(names[:count]))
        guard.say(f"{count} in float32, with {names[count - 1]}: {losses[count].line()}")
        return losses[count].within(guard.limit)

    if count := fewest(holds, most):
        return make(names[:count]), tuple(names[:count]), losses[count].drop
    raise ParityError(_refusal(guard, ranking, losses[most], most))


def _too_much(guard: Guard, layers: int, most: int) -> str:
    """What is done about a file that loses too much with every layer in int8."""
    bounds, labelled = TOLERANCES["int8"], guard.truth is not None
    return (
        f"more than is allowed, {-guard.limit:+z.4f} against {_against(labelled)}, "
        f"{bounds.flipped:.0%} of the pixels and {bounds.mean:g} of probabilities: {layers} "
        f"convolutions are tried one by one, which takes minutes, and up to {most} left in float32 "
        "(with --precision fp32 and no --calibrate all are, at once)"
        + ("" if labelled else "; --labels would tell what the score really loses")
    )


def _refusal(guard: Guard, ranking: Sequence[tuple[str, float]], loss: Loss, most: int) -> str:
    """Of a file that loses too much with as many layers in float32 as there may be."""
    bounds = TOLERANCES["int8"]
    return (
        f"{_table(ranking)}\n"
        f"int8 loses {loss.drop.mean:.4f} of the score, flips {loss.flipped:.2%} of the pixels and "
        f"moves probabilities by {loss.moved:.4f} on average with the {most} most sensitive of "
        f"{len(ranking)} convolutions in float32, expected at most {guard.limit:g}, "
        f"{bounds.flipped:.0%} and {bounds.mean:g}; {_advice(guard, loss)}, or give --precision "
        "fp32 and no --calibrate; nothing was written"
    )


def _advice(guard: Guard, loss: Loss) -> str:
    """What to do where a network loses too much."""
    if loss.drop.mean <= guard.limit:
        return "calibrate on more tiles like those to come"
    if guard.truth is None:
        return (
            "without labels each mask that changes counts as lost, for better or worse: give true "
            "masks by --verify-images and --labels, or a larger --max-drop"
        )
    return "calibrate on more tiles like those to come, or give a larger --max-drop"


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


def _ranked(make: _Make, trial: Trial, say: Callable[[str], None]) -> list[tuple[str, float]]:
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
