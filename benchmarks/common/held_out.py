"""What a finished run of ``salt-train`` says of the tiles it held out, and their true masks."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from salt_train.data.dataset import Dataset
from salt_train.scoring.evaluate import Prediction
from salt_train.training.final_score import PREDICTIONS


def of(run: Path, data: Dataset) -> tuple[Prediction, Dataset]:
    """The run's prediction, with flip TTA, and its tiles out of ``data``, in one order.

    Raises:
        click.UsageError: the run has not finished, or held out tiles that ``data`` does not have.
    """
    if not (run / PREDICTIONS).is_file():
        raise click.UsageError(f"{run} has no {PREDICTIONS}; expected a finished run")
    ids, prediction = Prediction.load(run / PREDICTIONS)
    tiles = data.subset(np.isin(data.ids, ids))
    if tiles.ids != tuple(ids):
        raise click.UsageError(f"{run} held out tiles that are not among these data")
    return prediction, tiles
