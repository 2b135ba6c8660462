"""Which checkpoints a run keeps, and when they are written."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from salt_infer.modelfile.learnt import Learnt
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.checkpoints.checkpoint import Checkpoint

LAST, BEST = "last.pth", "best.pth"


class Keeper:
    """Writes ``last.pth``, from which a run goes on, and ``best.pth``, after epochs that are due.

    Attributes:
        saved: epochs that ``last.pth`` has; 0 where there is none.
        best: the highest score of an epoch so far; -inf where none was scored.
    """

    def __init__(self, out: Path, every_s: float) -> None:
        """``out``: the run's folder; ``every_s``: seconds between two times of writing."""
        self.saved, self.best = 0, float("-inf")
        self._out, self._every_s, self._saved_at = out, every_s, float("-inf")
        self._unsaved_best: Checkpoint | None = None

    def resume(self, last: Checkpoint) -> None:
        """Go on from what ``last.pth`` has."""
        self.saved = last.epoch
        self.best = max((row["score"] for row in last.history if "score" in row), default=self.best)

    def choose(self, plain: Checkpoint, score: float, validated: Learnt) -> None:
        """Take an epoch for the best one if its score is the highest; it is written when it is due.

        Args:
            plain: the epoch's weights, of which a copy is taken: training goes on in their memory.
            score: of the held-out tiles.
            validated: those tiles. Being chosen by the score on a tile is a way to learn from it.
        """
        if score <= self.best:
            return
        self.best = score
        self._unsaved_best = dataclasses.replace(
            plain,
            scores=plain.scores | {"selected_on_its_own_fold": True},
            weights={name: value.to("cpu", copy=True) for name, value in plain.weights.items()},
            learnt=plain.learnt.joined(validated),
        )

    def is_due(self, last_epoch: bool) -> bool:
        """Whether to write after this epoch: a large state takes as long as an epoch of a GPU."""
        return last_epoch or time.monotonic() - self._saved_at >= self._every_s

    def save(self, plain: Checkpoint, state: dict[str, Any]) -> None:
        """Write what there is, the best first: a run killed in between repeats the epochs and
        writes both again.

        Args:
            plain: the epoch's weights.
            state: what going on from them takes.
        """
        if self._unsaved_best:
            checkpoints.save(self._unsaved_best, self._out / BEST)
        checkpoints.save(dataclasses.replace(plain, run=state), self._out / LAST)
        self.saved, self._saved_at, self._unsaved_best = plain.epoch, time.monotonic(), None
