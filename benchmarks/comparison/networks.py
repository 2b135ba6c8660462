"""The networks of one comparison, each with its files, its decision and its judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from comparison import answers, study
from comparison.answers import Judge, Reference, Untrained
from comparison.material import Files, Material
from comparison.roster import CONTENDERS
from salt_export.tolerances import TILES
from salt_train.checkpoints import checkpoint as checkpoints
from salt_train.scoring.evaluate import Decision


@dataclasses.dataclass(frozen=True)
class Network:
    """Weights, and what contenders that run them are given.

    Attributes:
        files: made from the weights.
        decision: threshold and gate, the checkpoint's own.
        judge: of their submissions; compares with torch in float32 of the same weights, if these
            were trained.
    """

    files: Files
    decision: Decision
    judge: Judge

    @property
    def reference_score(self) -> float | None:
        """Of torch in float32, 0..1; None for a network that was not trained."""
        return self.judge.score if isinstance(self.judge, Reference) else None

    def to_json(self) -> dict[str, Any]:
        """For a result file."""
        score = self.reference_score
        return {
            **dataclasses.asdict(self.decision),
            "trained": score is not None,
            "reference_score": score,
        }

    def line(self) -> str:
        """What is known of it, for people."""
        score = self.reference_score
        said = answers.NOT_TRAINED if score is None else f"torch in float32 scores {score:.4f}"
        return f"{said}, threshold {self.decision.threshold:.3g}, gate {self.decision.gate:.3g}"


@dataclasses.dataclass(frozen=True)
class Networks:
    """Those of a comparison.

    Attributes:
        everybodys: of all contenders but the case study's.
        studys: the case study's own; None where none that runs it takes part.
    """

    everybodys: Network
    studys: Network | None = None

    def of(self, contender: str) -> Network:
        """What a contender runs."""
        if not CONTENDERS[contender].of_study:
            return self.everybodys
        if self.studys is None:
            raise ValueError(f"{contender} runs the case study's network, which was not made")
        return self.studys


@dataclasses.dataclass(frozen=True)
class Making:
    """What the networks of a comparison have in common.

    Attributes:
        material: what files are made from.
        shown: those of its tiles that contenders are given.
        models: folder for files.
        batch_size: of the references.
        device: where these are computed.
        say: takes lines about the progress.
    """

    material: Material
    shown: Material
    models: Path
    batch_size: int
    device: str
    say: Callable[[str], None]

    def networks(self, contenders: Iterable[str], study_checkpoint: Path | None) -> Networks:
        """What these contenders need."""
        asked = any(CONTENDERS[name].of_study for name in contenders)
        return Networks(self.everybodys(), self.studys(study_checkpoint) if asked else None)

    def everybodys(self) -> Network:
        """The network of the material's own checkpoint.

        Raises:
            click.UsageError: it has no judge.
        """
        checkpoint = self.material.checkpoint
        loaded = checkpoints.load(checkpoint)
        if not loaded.config.model.judge:
            raise click.UsageError(
                f"{checkpoint} has no judge, so there is no gated file of it; expected a recipe "
                "with one, such as cpu"
            )
        files = Files(self.material, self.models, self.say)
        return Network(files, loaded.decision, self._reference(checkpoint, loaded.decision))

    def studys(self, checkpoint: Path | None) -> Network:
        """The case study's own network, not trained without a checkpoint. Its files are in a folder
        of their own: those of other weights are never taken for them.
        """
        path = checkpoint or study.untrained(self.models)
        loaded = checkpoints.load(path)
        folder = self.models / f"study-{loaded.sha256[:12]}"
        few = self.material.some(TILES, folder / "verified")  # a file in float32 needs no more
        files = Files(dataclasses.replace(few, checkpoint=path), folder, self.say)
        if checkpoint is None:
            return Network(files, loaded.decision, Untrained(self.shown.ids()))
        return Network(files, loaded.decision, self._reference(path, loaded.decision))

    def _reference(self, checkpoint: Path, decision: Decision) -> Reference:
        shown = dataclasses.replace(self.shown, checkpoint=checkpoint)
        return answers.reference(shown, decision, self.batch_size, self.device)
