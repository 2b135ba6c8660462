"""Masks of tiles that a network has not seen, as ``salt-infer --details`` writes them, so that
``salt-report`` can examine a run, and compare it with another tile by tile.
"""

from __future__ import annotations

import io
from pathlib import Path

from salt_infer.execution.results import FinishedGroup
from salt_infer.job import write_table
from salt_infer.masks import rle
from salt_infer.predictor import prediction as predictions
from salt_infer.system.digest import checksums
from salt_infer.system.whole_files import write_whole
from salt_train.data.dataset import Dataset
from salt_train.scoring.evaluate import Decision, Prediction


def write(path: Path, prediction: Prediction, data: Dataset, decision: Decision) -> None:
    """Write one; what is there is replaced.

    Args:
        path: ends in ``.csv``.
        prediction: of N tiles.
        data: these tiles.
        decision: for all of them. Of runs that are to be compared it should be the neutral one:
            what was chosen for each differs by chance, too.

    Raises:
        OutputError: the disk is full.
    """
    masks = prediction.masks(decision)
    found = predictions.Prediction(masks, prediction.probability, prediction.salt)
    every = FinishedGroup(
        number=0, stamp="", ids=list(data.ids), rle=rle.encode(masks), salt=found.salt,
        confidence=found.confidence, kept=[], maps=b"", bad=[], crc32=checksums(data.tiles),
    )  # fmt: skip
    content = io.BytesIO()
    write_table.write(content, path, every.entries(empty=False), details=True)
    write_whole(path, content.getvalue(), overwrite=True)
