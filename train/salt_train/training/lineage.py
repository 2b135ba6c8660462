"""What a run's weights come from: what it started from, what labelled for it, what all that learnt.

It goes into each checkpoint, and from there into model files: a score is worth something on tiles
alone that none of it has seen.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from salt_infer.modelfile.learnt import Learnt
from salt_train.checkpoints import shipped
from salt_train.checkpoints.checkpoint import Checkpoint
from salt_train.checkpoints.shipped import MAY_HAVE_SEEN
from salt_train.checkpoints.weights import Start
from salt_train.data.dataset import Dataset
from salt_train.data.held_out import HeldOut
from salt_train.scoring.verdict import OF_START
from salt_train.training.pseudo import Pseudo


@dataclasses.dataclass(frozen=True)
class Lineage:
    """What a run's weights come from.

    Attributes:
        learnt: all tiles that had a part in them.
        sha256: of the weights that it started from; empty where they were drawn.
        doubted: what it started from or learns labels of may have seen the held-out tiles.
        score: of the network that it started from, on these; None where it was no whole network.
    """

    learnt: Learnt
    sha256: str = ""
    doubted: bool = False
    score: float | None = None

    @classmethod
    def of(cls, train: Dataset, held_out: HeldOut, pseudo: Pseudo | None) -> Self:
        """That of a run which has not started.

        Args:
            train: tiles to learn from.
            held_out: that are not.
            pseudo: where labels of some of those to learn from come from.

        Raises:
            DataError: the pseudo-labels have no report.
        """
        if pseudo is None:
            return cls(train.learnt)
        learnt = train.learnt.joined(pseudo.learnt(held_out.fold))
        return cls(learnt, doubted=pseudo.doubted(held_out))

    def started(self, start: Start) -> Self:
        """With weights of another run."""
        learnt = self.learnt.joined(start.checkpoint.learnt)
        doubted = self.doubted or bool(start.doubt)
        sha256 = start.checkpoint.sha256
        return dataclasses.replace(self, learnt=learnt, sha256=sha256, doubted=doubted)

    def doubt(self, held_out: HeldOut) -> str:
        """A warning that the held-out tiles may have been seen, with their number where all that
        was learnt is known; empty as a rule.
        """
        if not self.doubted or held_out.fold is None:
            return ""
        known = self.learnt.among(held_out.fresh.tiles) if self.learnt.complete else np.zeros(0)
        who = "what this run started from, or what labelled for it,"
        count = int(known.sum())
        return shipped.seen(count, len(held_out.data), who) if count else shipped.DOUBTED

    def resumed(self, checkpoint: Checkpoint) -> Self:
        """As it was when the run left this checkpoint."""
        scores, learnt = checkpoint.scores, checkpoint.learnt
        return dataclasses.replace(
            self,
            # What labelled may be gone by now; the checkpoint knew it.
            learnt=learnt if learnt.complete else learnt.joined(self.learnt),
            sha256=scores["start_sha256"],
            doubted=self.doubted or MAY_HAVE_SEEN in scores,
            score=scores.get(OF_START),
        )

    def to_json(self) -> dict[str, Any]:
        """What a checkpoint's scores say of it; its tiles have a place of their own."""
        return {
            "start_sha256": self.sha256,
            **({OF_START: self.score} if self.score is not None else {}),
            **({MAY_HAVE_SEEN: True} if self.doubted else {}),
        }
