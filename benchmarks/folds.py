"""Recipes over folds: ``python benchmarks/folds.py RUNS RUNS... --data DIR``.

Compares finished runs on the tiles they held out: each RUNS is a folder with a folder a fold, as
``salt-train --fold all`` makes it, or a single run. The first is what the others are compared with,
tile by tile, on the tiles that both held out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import record
from common import held_out, rounds

from salt_infer.masks import metric
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.data import dataset
from salt_train.data.dataset import Dataset, has_salt
from salt_train.scoring import calibrate
from salt_train.scoring.evaluate import Decision, Prediction
from salt_train.training.final_score import PREDICTIONS
from salt_train.training.keeper import LAST

NEUTRAL = Decision()
HEAD = ("runs", "fold", "minutes", "cross-fitted", "fixed", "judge right", "with a perfect gate")
_PATH = click.Path(path_type=Path, exists=True)

PerTile = npt.NDArray[np.float64]  # [N]


@dataclasses.dataclass(frozen=True)
class Fold:
    """A finished run on the tiles it held out.

    Attributes:
        name: of its fold.
        minutes: that its epochs took.
        ids: of the tiles.
        cross_fitted: scores, threshold and gate of each half chosen on the other.
        fixed: scores by the neutral pair, which nothing was chosen for.
        right: whether the judge was.
        perfect: scores by the neutral threshold if the judge were always right.
    """

    name: str
    minutes: float
    ids: tuple[str, ...]
    cross_fitted: PerTile
    fixed: PerTile
    right: PerTile
    perfect: PerTile

    @property
    def columns(self) -> tuple[PerTile, ...]:
        """What the table has the means of."""
        return self.cross_fitted, self.fixed, self.right, self.perfect


def runs_in(folder: Path) -> list[Path]:
    """The finished runs of a folder, in the order of their folds; itself if it is one.

    Raises:
        click.UsageError: there is none.
    """
    if (folder / PREDICTIONS).is_file():
        return [folder]
    found = [path.parent for path in folder.glob(f"*/{PREDICTIONS}")]
    if not found:
        raise click.UsageError(f"{folder} has no finished run, expected {PREDICTIONS} in it")
    return sorted(found, key=lambda path: (len(path.name), path.name))


def measure(run: Path, data: Dataset) -> Fold:
    """Scores of a run, tile by tile."""
    prediction, tiles = held_out.of(run, data)
    checkpoint = checkpoints.load(run / LAST)
    return scored(
        "none" if checkpoint.config.fold is None else str(checkpoint.config.fold),
        sum(row["seconds"] for row in checkpoint.history) / 60,
        prediction, tiles,
    )  # fmt: skip


def scored(name: str, minutes: float, prediction: Prediction, tiles: Dataset) -> Fold:
    """The same from what a run predicted."""
    told = has_salt(tiles.masks)
    perfect = prediction.masks(Decision(NEUTRAL.threshold, 0.0)) & told[:, None, None]
    return Fold(
        name, minutes, tiles.ids,
        cross_fitted=calibrate.cross_fitted(prediction, tiles, NEUTRAL)[0],
        fixed=metric.score(tiles.masks, prediction.masks(NEUTRAL)).per_tile,
        right=((prediction.salt > 0.5) == told).astype(float),
        perfect=metric.score(tiles.masks, perfect).per_tile,
    )  # fmt: skip


def rows(name: str, folds: Sequence[Fold]) -> list[list[str]]:
    """A row a fold, and one of all their tiles."""
    lines = [[name, fold.name, *_figures(fold.minutes, fold.columns)] for fold in folds]
    if len(folds) > 1:
        together = [
            np.concatenate(column) for column in zip(*(f.columns for f in folds), strict=True)
        ]
        minutes = float(np.mean([fold.minutes for fold in folds]))
        lines.append([name, f"all {len(folds)}", *_figures(minutes, together)])
    return lines


def _figures(minutes: float, columns: Sequence[PerTile]) -> list[str]:
    score, fixed, right, perfect = (float(column.mean()) for column in columns)
    return [f"{minutes:.0f}", f"{score:.4f}", f"{fixed:.4f}", f"{right:.1%}", f"{perfect:.4f}"]


def paired(folds: Sequence[Fold], first: Sequence[Fold]) -> dict[str, Any] | None:
    """Scores by the neutral pair less those of ``first``, on tiles of both; None without any."""
    theirs = {
        name: score for fold in first for name, score in zip(fold.ids, fold.fixed, strict=True)
    }
    mine = {name: score for fold in folds for name, score in zip(fold.ids, fold.fixed, strict=True)}
    gain = np.array([mine[name] - theirs[name] for name in mine if name in theirs])
    if not len(gain):
        return None
    low, high = metric.interval(gain)
    return {
        "tiles": len(gain),
        "gain": float(gain.mean()),
        "interval": [low, high],
        "standard_error": float(gain.std() / np.sqrt(len(gain))),
    }


def _told(name: str, first: str, found: dict[str, Any] | None) -> str:
    if found is None:
        return f"{name} and {first} held out no tile in common."
    low, high = found["interval"]
    return (
        f"{name} scores {found['gain']:+.4f} ({low:+.4f} to {high:+.4f}) beside {first} on "
        f"{found['tiles']} tiles, fixed, tile by tile."
    )


@click.command()
@click.argument("folders", type=_PATH, nargs=-1, required=True)
@click.option("--data", type=_PATH, required=True, help="The labelled tiles, as for salt-train.")
def main(folders: tuple[Path, ...], data: Path) -> None:
    """Print scores by fold and paired differences, and write results/folds.json."""
    if len({path.name for path in folders}) < len(folders):
        raise click.UsageError("two folders of one name; the table calls them by it")
    tiles = dataset.load(data)
    measured = {path.name: [measure(run, tiles) for run in runs_in(path)] for path in folders}
    first, *others = measured
    table = rounds.markdown(HEAD, [row for name in measured for row in rows(name, measured[name])])
    gains = {name: paired(measured[name], measured[first]) for name in others}
    table += [line for name in others for line in ("", _told(name, first, gains[name]))]
    click.echo("\n".join(table))
    record.save("folds", {"table": table, "paired": gains})


if __name__ == "__main__":
    main()
