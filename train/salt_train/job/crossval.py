"""All folds together: every labelled tile predicted by the network that did not train on it."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salt_infer.system.whole_files import write_whole
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints import shipped
from salt_train.data.dataset import Dataset
from salt_train.data.folds import FILE, Split
from salt_train.errors import CheckpointError
from salt_train.scoring import calibrate, submission, verdict
from salt_train.scoring.evaluate import Prediction, default_decision
from salt_train.training.final_score import PREDICTIONS
from salt_train.training.keeper import LAST

PREDICTIONS_OF_ALL, SUBMISSION_OF_ALL = "out-of-fold.npz", "out-of-fold.csv"
SCORES = "scores.json"


@dataclasses.dataclass(frozen=True)
class _Fold:
    """One fold's run, and which tiles of the whole set it held out: bool [N]."""

    path: Path
    checkpoint: checkpoints.Checkpoint
    mine: npt.NDArray[np.bool_]


def combine(out: Path, folders: Sequence[Path], data: Dataset) -> str:
    """Gather the folds' predictions; choose each fold's threshold and gate on the other folds, and
    put them and the score they give into its checkpoint.

    Writes ``out-of-fold.npz`` and ``.csv``, ``scores.json`` and ``split.csv`` into ``out``.

    Returns:
        What came out, for people.

    Raises:
        CheckpointError: a fold's predictions are not there, or are not those of its tiles.
    """
    kept = [checkpoints.load(folder / LAST) for folder in folders]
    config = kept[0].config
    split = Split.of(data, config.folds, config.split_seed)
    folds = [
        _Fold(folder / LAST, checkpoint, split.held_out(checkpoint.config.fold))
        for folder, checkpoint in zip(folders, kept, strict=True)
    ]
    everything = _gathered(folds, data)
    result = _scored(folds, everything, data)
    everything.save(out / PREDICTIONS_OF_ALL, data.ids)
    known = everything.where_known(data)
    submission.write(out / SUBMISSION_OF_ALL, known, data, default_decision(config.model))
    split.write(out)
    write_whole(out / SCORES, (json.dumps(result, indent=2) + "\n").encode(), overwrite=True)
    return "\n".join(_lines(out, result, len(data)))


def _gathered(folds: Sequence[_Fold], data: Dataset) -> Prediction:
    """What each fold's run predicts for the tiles that it held out, in one."""
    probability = np.zeros(data.masks.shape, dtype=np.float32)
    salt = np.zeros(len(data), dtype=np.float32)
    for fold in folds:
        ids = [data.ids[row] for row in np.flatnonzero(fold.mine)]
        part = _predictions(fold.path.parent, ids)
        probability[fold.mine], salt[fold.mine] = part.probability, part.salt
    return Prediction(probability, salt)


def _scored(folds: Sequence[_Fold], everything: Prediction, data: Dataset) -> dict[str, Any]:
    """What all folds score together, and each by itself; see :func:`_rescore`."""
    per_tile, masked = np.zeros(len(data)), np.zeros(len(data), dtype=bool)
    for fold in folds:
        per_tile[fold.mine], masked[fold.mine] = _rescore(fold, everything, data)
    doubted = any(fold.checkpoint.scores.get(shipped.MAY_HAVE_SEEN) for fold in folds)
    return {
        **calibrate.headline(per_tile, masked, data),
        **({shipped.MAY_HAVE_SEEN: True} if doubted else {}),
        "score_by_fold": [float(per_tile[fold.mine].mean()) for fold in folds],
    }


def _lines(out: Path, result: Mapping[str, Any], tiles: int) -> list[str]:
    """What came out, for people."""
    low, high = result["score_interval"]
    members = f"{shlex.quote(str(out))}/fold-*/{LAST}"
    return [
        f"{out}: score {result['score']:.4f} ({low:.3f} to {high:.3f}) out of fold on {tiles} "
        f"tiles with flip TTA{shipped.doubted(result)}; {result['score_of_empty_masks']:.4f} for "
        f"empty masks; {PREDICTIONS_OF_ALL}, {SUBMISSION_OF_ALL}, {SCORES}, {FILE}",
        *verdict.beside_empty_masks(result, held_out=False),
        f"all in one file, which has learnt from all {tiles} tiles: "
        f"salt-export {members} model.onnx",
    ]


def _predictions(folder: Path, ids: Sequence[str]) -> Prediction:
    """Those of a fold's run, of the tiles that it held out."""
    path = folder / PREDICTIONS
    again = f"remove {folder / LAST} and --resume to train that fold again"
    try:
        theirs, prediction = Prediction.load(path)
    except CheckpointError as error:
        raise CheckpointError(f"{error}; {again}") from error
    if list(theirs) != list(ids):
        raise CheckpointError(f"{path} is of other tiles than that fold holds out; {again}")
    return prediction


def _rescore(
    fold: _Fold, everything: Prediction, data: Dataset
) -> tuple[calibrate.Scores, npt.NDArray[np.bool_]]:
    """Score a fold by the decision that suits all others, and keep both in its checkpoint, and the
    decision beside its predictions.

    Returns:
        Score of each of the fold's tiles, and whether it was given a mask.
    """
    mine = fold.mine
    default = default_decision(fold.checkpoint.config.model)
    decision = calibrate.choose(everything.subset(~mine), data.masks[~mine], default)
    prediction, held_out = everything.subset(mine), data.subset(mine)
    decided: calibrate.Fits = ((np.ones(len(held_out), bool), decision),)
    per_tile, said = calibrate.scored(calibrate.masks_by(decided, prediction), held_out)
    scores = fold.checkpoint.scores | calibrate.headline(per_tile, said, held_out)
    scores |= calibrate.by_other_gates(prediction, held_out, decided)
    scores[calibrate.CHOSEN_ON] = calibrate.OTHER_FOLDS
    prediction.save(fold.path.with_name(PREDICTIONS), held_out.ids, decision)
    # That one's decisions were chosen within the fold, and it cannot be scored anew: what the views
    # said one by one is not kept.
    for name in ("score_without_tta", verdict.OF_START, verdict.GAIN, calibrate.BY_OWN_CHOICE):
        scores.pop(name, None)
    checkpoints.save(
        dataclasses.replace(fold.checkpoint, scores=scores, decision=decision), fold.path
    )
    return per_tile, said
