"""What a submission is worth: its score, and how far it is from the float32 torch reference."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
import numpy.typing as npt
import torch

from comparison.material import Material
from salt_export import samples
from salt_infer.data.labels import Labels, read_rows
from salt_infer.masks import metric, rle
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring import evaluate
from salt_train.scoring.evaluate import Decision

ALL = 1 << 40  # tiles: every one there is
NOT_TRAINED = "not trained"

Masks = npt.NDArray[np.bool_]  # [N, 101, 101]


@dataclasses.dataclass(frozen=True)
class Answer:
    """One submission against labels and reference.

    Attributes:
        score: mean over the labelled tiles, 0..1.
        difference: from the reference's score, paired.
        interval: of the difference, 95 %.
        pixels, pixels_flipped: of all tiles, and how many are not as in the reference.
        rows_changed: tiles whose run-length string is not.
        sha256: of the CSV.
    """

    score: float
    difference: float
    interval: tuple[float, float]
    pixels: int
    pixels_flipped: int
    rows_changed: int
    sha256: str

    @property
    def agreement(self) -> float:
        """Share of pixels as in the reference, 0..1."""
        return 1 - self.pixels_flipped / self.pixels

    def holds(self, within: float) -> bool:
        """The score is not below the reference's by more."""
        return self.difference >= -within

    @property
    def caption(self) -> str:
        """A few words."""
        return f"score {self.score:.4f}"

    @property
    def cells(self) -> tuple[str, str, str]:
        """Score, difference and agreement, of a table."""
        low, high = self.interval
        difference = f"{self.difference:+.4f} ({low:+.4f} to {high:+.4f})"
        return f"{self.score:.4f}", difference, f"{self.agreement:.4%}"

    def to_json(self) -> dict[str, Any]:
        """For a result file."""
        return {**dataclasses.asdict(self), "agreement": self.agreement}


@dataclasses.dataclass(frozen=True)
class Unscored:
    """One submission of a network that was not trained: its speed counts, and nothing it says.

    Attributes:
        sha256: of the CSV.
    """

    sha256: str

    def holds(self, within: float) -> bool:
        """There is no score that could hold."""
        return False

    @property
    def caption(self) -> str:
        """A few words."""
        return NOT_TRAINED

    @property
    def cells(self) -> tuple[str, str, str]:
        """In place of score, difference and agreement."""
        return NOT_TRAINED, NOT_TRAINED, NOT_TRAINED

    def to_json(self) -> dict[str, Any]:
        """For a result file; without a number that could be taken for a score."""
        return {"score": None, "agreement": None, "sha256": self.sha256}


class Judge(Protocol):
    """Who tells what a submission is worth."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the tiles that it must have, sorted."""

    def judge(self, submission: Path) -> Answer | Unscored:
        """Read a submission.

        Raises:
            click.ClickException: it has other tiles.
            LabelError, RleError: it is malformed.
        """


@dataclasses.dataclass(frozen=True)
class Untrained:
    """Judges a network without training, of which no pixel is to be salt
    (:data:`comparison.study.NO_PIXEL`).

    Attributes:
        ids: of the tiles, sorted.
    """

    ids: tuple[str, ...]

    def judge(self, submission: Path) -> Unscored:
        """See that there is an empty row for each tile.

        Raises:
            click.ClickException: it has other tiles, or salt.
            LabelError, RleError: it is malformed.
        """
        if count := np.count_nonzero(read_masks(submission, self.ids).any(axis=(1, 2))):
            raise click.ClickException(
                f"{submission} has salt in {count} tiles, expected none: its threshold lets no "
                "pixel pass"
            )
        return Unscored(_sha256(submission))


@dataclasses.dataclass(frozen=True)
class Reference:
    """What torch says in float32, and the truth.

    Attributes:
        ids: N ids, sorted.
        masks: bool [N, 101, 101].
        labelled: indices of the M tiles that have a label, ascending.
        truth: uint8 [M, 101, 101], their masks.
    """

    ids: tuple[str, ...]
    masks: Masks
    labelled: npt.NDArray[np.int64]
    truth: npt.NDArray[np.uint8]

    def per_tile(self, masks: Masks) -> npt.NDArray[np.float64]:
        """Scores of the labelled tiles, [M]."""
        return metric.score(self.truth, masks[self.labelled]).per_tile

    @property
    def score(self) -> float:
        return float(self.per_tile(self.masks).mean())

    def judge(self, submission: Path) -> Answer:
        """Compare a submission.

        Raises:
            click.ClickException: it has other tiles.
            LabelError, RleError: it is malformed.
        """
        masks = read_masks(submission, self.ids)
        lost = self.per_tile(masks) - self.per_tile(self.masks)
        flipped = np.count_nonzero(masks != self.masks, axis=(1, 2))
        return Answer(
            score=float(self.per_tile(masks).mean()),
            difference=float(lost.mean()),
            interval=metric.interval(lost),
            pixels=masks.size,
            pixels_flipped=int(flipped.sum()),
            rows_changed=int(np.count_nonzero(flipped)),
            sha256=_sha256(submission),
        )


def reference(
    material: Material, decision: Decision, batch_size: int, device: str = "cpu"
) -> Reference:
    """Eager torch in float32, both views, on every tile; on a GPU without TF32."""
    ids, labelled = material.ids(), material.labelled()
    tiles, _ = samples.read(material.images, None, ALL)
    model = checkpoints.build_model(checkpoints.load(material.checkpoint)).to(device)
    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    prediction = evaluate.predict(model, tiles, "hflip", batch_size)
    torch.backends.cudnn.allow_tf32 = allowed
    with Labels(material.labels) as labels:
        truth = labels.masks(labelled)
    places = np.flatnonzero(np.isin(ids, labelled))
    return Reference(ids, prediction.masks(decision), places, truth)


def read_masks(submission: Path, ids: Sequence[str]) -> Masks:
    """Masks of a submission, bool [N, 101, 101], in the order of the ids."""
    rows = read_rows(submission)
    if sorted(rows) != sorted(ids):
        raise click.ClickException(f"{submission} has {len(rows)} rows, not one for each tile")
    return np.stack([rle.decode(rows[name]) for name in ids]).astype(np.bool_)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
