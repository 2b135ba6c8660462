"""What happens once, at the end of a run: its weights are scored as they are deployed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from salt_infer.data.labels import Labels
from salt_infer.errors import SaltError
from salt_infer.masks import metric
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.data.dataset import Dataset
from salt_train.data.folds import Split
from salt_train.network.model import SaltNet
from salt_train.scoring import calibrate, evaluate, submission, verdict
from salt_train.scoring.evaluate import Decision, Prediction
from salt_train.settings.config import TrainConfig
from salt_train.training.history import History
from salt_train.training.lineage import Lineage

PREDICTIONS, SUBMISSION = "validation.npz", "validation.csv"
START = "start.csv"  # the same of the network that a run started from


def origin(config: TrainConfig, split: Split, data_sha256: str, lineage: Lineage) -> dict[str, Any]:
    """What a score was measured on.

    Args:
        config: the run's.
        split: all its tiles, dealt to folds.
        data_sha256: digest of these tiles and their masks.
        lineage: what its weights come from.
    """
    return {
        "data_sha256": data_sha256,
        "split_sha256": split.sha256,
        "split_tiles": len(split.ids),
        "split_seed": config.split_seed,
        "folds": config.folds,
        "fold": config.fold,
        **lineage.to_json(),
    }


@dataclasses.dataclass(frozen=True)
class FinalScore:
    """Scores a run's weights as deployed.

    Attributes:
        network: with the averaged weights.
        data: tiles to score on: the held-out ones, or all where none are.
        origin: see :func:`origin`.
    """

    network: SaltNet
    data: Dataset
    origin: Mapping[str, Any]

    def publish(self, path: Path, history: History) -> None:
        """Make the last checkpoint, at ``path``, one to deploy, and keep what it says of the
        held-out tiles beside it.
        """
        scored, prediction = self.of(checkpoints.load(path))
        if scored.config.fold is not None:  # of seen tiles, no threshold could be tried on it
            prediction.save(path.with_name(PREDICTIONS), self.data.ids, scored.decision)
            submission.write(path.with_name(SUBMISSION), prediction, self.data, self._neutral)
            gain = self._gain(path.with_name(START), prediction)
            scored = dataclasses.replace(scored, scores=scored.scores | gain)
        history.draw()
        checkpoints.save(scored, path)

    @property
    def _neutral(self) -> Decision:
        return evaluate.default_decision(self.network.config)

    def of_start(self, folder: Path) -> float:
        """The score of these weights on held-out tiles alone, as :meth:`of` gives it; what they
        draw there is kept, to be compared with what the run will.
        """
        prediction = evaluate.predict(self.network, self.data.tiles, "hflip").where_known(self.data)
        submission.write(folder / START, prediction, self.data, self._neutral)
        per_tile, _ = calibrate.cross_fitted(prediction, self.data, self._neutral)
        return float(per_tile.mean())

    def _gain(self, start: Path, prediction: Prediction) -> dict[str, Any]:
        """How much more a run scores than the network that it started from, tile by tile and both
        decided alike; nothing where it started from none, or that one's masks are gone.
        """
        if verdict.OF_START not in self.origin or not start.exists():
            return {}
        try:
            with Labels(start) as drawn:
                before = metric.score(self.data.masks, drawn.masks(self.data.ids)).per_tile
        except SaltError as error:  # damaged meanwhile; the run is scored all the same
            tqdm.write(f"warning: not compared with what it started from: {error}")
            return {}
        after = metric.score(self.data.masks, prediction.masks(self._neutral)).per_tile
        tenths = np.rint(10 * (after - before))
        return {verdict.GAIN: [float(tenths.mean()) / 10, *metric.interval_of_tenths(tenths)]}

    def of(self, checkpoint: Checkpoint) -> tuple[Checkpoint, Prediction]:
        """A checkpoint of these weights with their scores, and with a threshold and a gate that
        were chosen for them; and what they say of the tiles.
        """
        views = evaluate.predict_views(self.network, self.data.tiles, "hflip")
        prediction = views.merged("hflip").where_known(self.data)
        plain = views.merged("none")
        if checkpoint.config.fold is None:
            decision = self._neutral
            scores = calibrate.seen_scores(prediction, self.data, decision)
        else:
            scores, decision = self._held_out(prediction, plain)
        scores = {**self.origin, **scores}
        return dataclasses.replace(checkpoint, scores=scores, decision=decision), prediction

    def _held_out(
        self, prediction: Prediction, plain: Prediction
    ) -> tuple[dict[str, Any], Decision]:
        scores = calibrate.final_scores(prediction, plain, self.data, self._neutral)
        decision = calibrate.choose(prediction, self.data.masks, self._neutral)
        as_deployed = metric.score(self.data.masks, prediction.masks(decision)).mean
        scores |= {calibrate.CHOSEN_ON: calibrate.OWN_FOLD, calibrate.BY_OWN_CHOICE: as_deployed}
        return scores, decision
