"""Every way that works here, on tiles of one's own: ``salt-doctor --images``.

A way is a provider and a test-time augmentation. Each run of one is ``salt-infer`` in a process of
its own, so that what is measured is what a user gets: decoding, start-up, and the threads that it
would choose. Ways take turns, a round each, as a machine that gets warm or busy does so for all.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from salt_infer.backends.providers import Provider, ProviderRequest
from salt_infer.backends.selection import default_for
from salt_infer.doctor import child
from salt_infer.errors import BAD_TILES, SaltError, UsageError
from salt_infer.job.watcher import Watcher
from salt_infer.masks import rle, table
from salt_infer.modelfile.contract import Tta
from salt_infer.modelfile.onnx_reader import read_model
from salt_infer.system.location import Location, Url


@dataclasses.dataclass(frozen=True)
class TrialRequest:
    """What the ways are tried on.

    Attributes:
        images: as ``salt-infer --images`` takes them.
        labels: as its ``--labels``; None: there is no score.
        model: as its ``--model``; None: what ships for each provider.
        rounds: runs of each way.
        device_id: number of the GPU.
        engines: TensorRT's engines; None: in the user's cache.
    """

    images: Location
    labels: Path | None = None
    model: Path | None = None
    rounds: int = 3
    device_id: int = 0
    engines: Path | None = None

    def options(self) -> Iterator[str]:
        """What every way of ``salt-infer`` is given."""
        place = self.images.text if isinstance(self.images, Url) else str(self.images)
        yield from (f"--images={place}", f"--device-id={self.device_id}")
        given = {"--labels": self.labels, "--model": self.model, "--engine-cache": self.engines}
        for name, path in given.items():
            if path is not None:
                yield f"{name}={path}"

    def model_for(self, provider: Provider) -> Path:
        """What a provider would run."""
        return self.model or default_for(ProviderRequest(provider, self.device_id))


class Way(NamedTuple):
    """What runs the model, and how many views it gets."""

    provider: Provider
    tta: Tta

    def __str__(self) -> str:
        return f"{self.provider}, {self.tta}"


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of one way.

    Attributes:
        provider: its name.
        tta: its test-time augmentation.
        failure: why it could not run; nothing else is known then.
        model: name of the file.
        runs_on: what ran it, by its own name.
        tiles: that were read.
        tiles_per_s: of each round, start-up left out.
        startup_s: of each round, until the first tile could be run.
        score: against the labels; None without them.
        bad: tiles that could not be read.
        warnings: what the run warned of.
        differ: tiles whose mask is not that of the first way, and their pixels that are not; None
            where the first way has none.
    """

    provider: Provider
    tta: Tta
    failure: str = ""
    model: str = ""
    runs_on: str = ""
    tiles: int = 0
    tiles_per_s: tuple[float, ...] = ()
    startup_s: tuple[float, ...] = ()
    score: float | None = None
    bad: int = 0
    warnings: tuple[str, ...] = ()
    differ: tuple[int, int] | None = None

    def cells(self) -> tuple[str, ...]:
        """For people, as _HEAD has them; its score is empty where there is none."""
        way = str(Way(self.provider, self.tta))
        if self.failure:
            return (way, f"FAILS: {self.failure}")
        speed, slowest, fastest = (
            f"{of(self.tiles_per_s):.1f}" for of in (statistics.median, min, max)
        )
        return (
            way, speed, f"{slowest} to {fastest}", f"{statistics.median(self.startup_s):.1f} s",
            self._others(),
            "" if self.score is None else f"{self.score:.4f}", f"{self.model} by {self.runs_on}",
        )  # fmt: skip

    def _others(self) -> str:
        """Its masks that are not those of the first way."""
        if self.differ is None:
            return "-"
        rows, pixels = self.differ
        return f"{rows}, by {pixels} pixels" if rows else "none"


_HEAD = ("way", "tiles/s", "from, to", "start-up", "other masks", "score", "model")
_SCORE = _HEAD.index("score")


def lines(trials: Sequence[Trial], rounds: int) -> Iterator[str]:
    """A table of them, under a line that says what they are of."""
    tiles = max(trial.tiles for trial in trials)
    times = "once" if rounds == 1 else f"{rounds} times in turn"
    yield f"tried       {tiles} tiles, each way {times}; other masks: than those of the first way"
    rows = [_HEAD, *(trial.cells() for trial in trials)]
    if all(trial.score is None for trial in trials):
        rows = [row[:_SCORE] + row[_SCORE + 1 :] for row in rows]
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        yield f"            {'  '.join(cells).rstrip()}"
    yield from _fastest(trials)
    if bad := max(trial.bad for trial in trials):
        yield f"            {bad} bad tiles could not be read, and are not in any of this"
    for warning in dict.fromkeys(line for trial in trials for line in trial.warnings):
        yield f"            warning: {warning}"


def _fastest(trials: Sequence[Trial]) -> Iterator[str]:
    """For each augmentation the provider that is ahead of all others in every round."""
    for tta in dict.fromkeys(trial.tta for trial in trials):
        ran = [trial for trial in trials if trial.tta == tta and len(trial.tiles_per_s) > 1]
        if len(ran) < 2:  # nothing to choose from, or a round alone, which is chance
            continue
        first, *others = sorted(ran, key=lambda trial: -statistics.median(trial.tiles_per_s))
        rivals = [each for each in others if max(each.tiles_per_s) >= min(first.tiles_per_s)]
        names = " or ".join(each.provider for each in (first, *rivals))
        times = statistics.median(first.tiles_per_s) / statistics.median(others[0].tiles_per_s)
        said = f"--provider {names}, {times:.2f} times as fast as {others[0].provider}"
        if rivals:
            said = f"{names}, whose rounds overlap"
        yield f"            fastest with --tta {tta}: {said}"


def ways(providers: Sequence[Provider], request: TrialRequest) -> list[Way]:
    """What is tried: of each provider what its model does unasked, then what else it can do.

    Raises:
        ModelError: a model cannot be read.
    """
    result: list[Way] = []
    for provider in providers:
        unasked = read_model(request.model_for(provider)).contract.tta
        result += [Way(provider, unasked)]
        result += [Way(provider, tta) for tta in get_args(Tta) if tta != unasked]
    return result


def tried(found: Sequence[Way], request: TrialRequest, watcher: Watcher) -> tuple[Trial, ...]:
    """Run every way in every round; the first way's masks are what the others' are held against.

    Raises:
        UsageError: the first run says that it cannot be done as asked; no other could.
        SaltError: no way could run, all for one reason, such as labels of other tiles.
    """
    watcher.started(len(found) * request.rounds)
    with tempfile.TemporaryDirectory(prefix="salt-doctor-") as folder:
        files = {way: Path(folder) / f"{number}.csv" for number, way in enumerate(found)}
        runs: dict[Way, list[_Run]] = {way: [] for way in found}
        for _ in range(request.rounds):
            for way, file in files.items():
                if not any(run.failure for run in runs[way]):
                    runs[way].append(_run(way, request, file))
                if runs[found[0]][0].usage:
                    raise UsageError(runs[found[0]][0].failure)
                watcher.advanced(1)
        rows = {way: _rows(file, runs[way]) for way, file in files.items()}
        trials = tuple(_trial(way, runs[way], rows[way], rows[found[0]]) for way in found)
    (*failures,) = {trial.failure for trial in trials}
    if failures[0] and len(failures) == 1:
        raise SaltError(failures[0])
    if not any(trial.tiles for trial in trials):
        raise SaltError(f"no tile of {request.images} can be read; salt-infer says why, of each")
    return trials


class _Run(NamedTuple):
    """One run: its report, or why there is none, and whether it was asked for what cannot be."""

    report: dict[str, Any]
    failure: str = ""
    usage: bool = False


def _run(way: Way, request: TrialRequest, out: Path) -> _Run:
    report = out.with_suffix(".json")
    ended = child.run(
        "salt_infer", *request.options(), "--provider", way.provider, "--tta", way.tta, "--out",
        str(out), "--report", str(report), "--overwrite", "--no-progress",
    )  # fmt: skip
    if ended.code in (0, BAD_TILES) and report.exists():
        return _Run(json.loads(report.read_bytes()))
    if ended.code is None or ended.code < 0 or not ended.said:
        return _Run({}, ended.death)
    said = ended.said.removeprefix("salt-infer: ").removeprefix("Error: ")
    return _Run({}, said, ended.code == UsageError.exit_code)


def _rows(file: Path, runs: Sequence[_Run]) -> Path | None:
    """What a way wrote in the end; None if it failed, or if no tile could be read."""
    return None if runs[-1].failure or not file.exists() else file


def _trial(way: Way, runs: Sequence[_Run], rows: Path | None, first: Path | None) -> Trial:
    last = runs[-1]
    if last.failure:
        return Trial(*way, last.failure)
    reports = [run.report for run in runs]
    model = last.report["model"]
    return Trial(
        *way, "", Path(model["path"]).name, model["provider"], last.report["read"],
        tuple(report["tiles_per_s"] for report in reports),
        tuple(report["startup_s"] for report in reports),
        last.report["score"], len(last.report["bad"]), tuple(last.report["warnings"]),
        _differ(rows, first) if rows and first else None,
    )  # fmt: skip


def _differ(rows: Path, others: Path) -> tuple[int, int]:
    """Tiles with another mask, and their pixels that differ; of tiles that both have."""
    mine, theirs = map(table.read_rows, (rows, others))
    changed = [name for name in mine if mine[name] != theirs.get(name, mine[name])]
    pixels = (np.count_nonzero(rle.decode(mine[n]) != rle.decode(theirs[n])) for n in changed)
    return len(changed), sum(map(int, pixels))
