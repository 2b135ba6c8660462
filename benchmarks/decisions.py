"""What choosing threshold and gate is worth: ``python benchmarks/decisions.py RUN... --data DIR``.

Halves the held-out fold of finished runs in many ways, chooses on one half and scores on the other:
by the best point of the grid, by the rule of ``salt-train``, and by the neutral pair; as the judges
are, and as if they were wrong by a factor in the odds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import record
from common import held_out

from salt_train.data import dataset
from salt_train.data.dataset import Dataset
from salt_train.scoring import calibrate
from salt_train.scoring.calibrate import GATES, THRESHOLDS
from salt_train.scoring.evaluate import Decision, Prediction

FACTORS = (1.0, 2.7, 7.4)
NEUTRAL = Decision()
_PATH = click.Path(path_type=Path, exists=True)

Scores = npt.NDArray[np.float64]  # [thresholds, gates, N]


def best(scores: Scores) -> Decision:
    """The best point itself."""
    mean = scores.mean(axis=2)
    row, column = np.unravel_index(mean.argmax(), mean.shape)
    return Decision(float(THRESHOLDS[row]), float(GATES[column]))


RULES: dict[str, Callable[[Scores], Decision]] = {
    "best of the grid": best,
    "within one standard error": lambda scores: calibrate.pick(scores, NEUTRAL),
    "neutral": lambda scores: NEUTRAL,
}


def wrong_by(factor: float, prediction: Prediction) -> Iterator[Prediction]:
    """The same with odds of salt that are so many times too high, and too low."""
    for each in {factor, 1 / factor}:
        odds = each * prediction.salt / np.maximum(1 - prediction.salt, 1e-7)
        yield Prediction(prediction.probability, (odds / (1 + odds)).astype(np.float32))


def halved(prediction: Prediction, truth: npt.NDArray[np.uint8], ways: int) -> dict[str, float]:
    """Mean score of halves by what was chosen on the other halves, by rule."""
    plain = calibrate.grid(prediction, truth)
    smooth = calibrate.smoothed(plain)
    random, found = np.random.default_rng(0), {name: list[float]() for name in RULES}
    for _ in range(ways):
        half = random.permutation(len(truth)) < len(truth) // 2
        for mine in (half, ~half):
            for name, rule in RULES.items():
                found[name].append(float(_at(plain, rule(smooth[..., ~mine]))[mine].mean()))
    return {name: statistics.fmean(scores) for name, scores in found.items()}


def _at(scores: Scores, decision: Decision) -> npt.NDArray[np.float64]:
    """Of the point of the grid next to a decision."""
    row = np.abs(THRESHOLDS - decision.threshold).argmin()
    return np.asarray(scores[row, np.abs(GATES - decision.gate).argmin()])


def measure(run: Path, data: Dataset, ways: int) -> dict[str, dict[str, float]]:
    """Scores by factor and rule, of one run."""
    prediction, held = held_out.of(run, data)
    rows = {}
    for factor in FACTORS:
        both = [halved(each, held.masks, ways) for each in wrong_by(factor, prediction)]
        rows[f"{factor:g}"] = {name: statistics.fmean(one[name] for one in both) for name in RULES}
    return rows


@click.command()
@click.argument("runs", type=_PATH, nargs=-1, required=True)
@click.option("--data", type=_PATH, required=True, help="The labelled tiles, as for salt-train.")
@click.option("--ways", default=100, show_default=True, help="To halve a fold.")
def main(runs: tuple[Path, ...], data: Path, ways: int) -> None:
    """Print the mean of all runs and write results/decisions.json."""
    tiles = dataset.load(data)
    found = [measure(run, tiles, ways) for run in runs]
    lines = ["| odds of the judges wrong by | " + " | ".join(RULES) + " |", "|---" * 4 + "|"]
    for factor in found[0]:
        means = (statistics.fmean(run[factor][name] for run in found) for name in RULES)
        lines.append(f"| {factor} | " + " | ".join(f"{mean:.4f}" for mean in means) + " |")
    click.echo("\n".join(lines))
    record.save("decisions", {"ways": ways, "runs": found, "table": lines})


if __name__ == "__main__":
    main()
