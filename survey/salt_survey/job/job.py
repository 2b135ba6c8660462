"""What ``salt-survey run`` was asked for, and what its slabs depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salt_infer.backends.providers import ProviderRequest
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.journal_protocols import Field
from salt_infer.execution.request import ExecutorRequest
from salt_infer.job.fingerprint import differences, fields_of_model
from salt_infer.modelfile.contract import Tta
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_survey.execution.slabs import MIB, Division
from salt_survey.job.publish import Targets
from salt_survey.reading.survey import Survey
from salt_survey.scan.overrides import Overrides
from salt_survey.sections.display import Direction
from salt_survey.sections.predict import batch_of
from salt_survey.sections.settings import GATE, Settings, Wishes
from salt_survey.volume.extent import Extent, Range, Sections


@dataclasses.dataclass(frozen=True)
class Job:
    """What was asked for; None means the calibration's, else the default.

    Attributes:
        survey: SEG-Y, Zarr or ``.npy``.
        out: what to write.
        scan: JSON of ``salt-survey scan`` or ``calibrate``.
        overrides: what is otherwise than it was found.
        sections: direction of the sections.
        wishes: zoom, polarity, stretch, stride, threshold.
        gate: a tile that the judge gives no more than this is 0; 0..1.
        tta: test-time augmentation; the model's own if None.
        lines, times: the part of the survey.
        memory: bytes that the process may need.
        model: model file; the one that ships for the provider if None.
        provider: what is to run the model.
        executor: who is to carry it out, this process or Ray.
        restart: discard what an interrupted run has left.
        overwrite: replace files that exist.
    """

    survey: Path
    out: Targets
    scan: Path | None = None
    overrides: Overrides = dataclasses.field(default_factory=Overrides)
    sections: Sections = "inline"
    wishes: Wishes = dataclasses.field(default_factory=Wishes)
    gate: float = GATE
    tta: Tta | None = None
    lines: Range | None = None
    times: Range | None = None
    memory: int = 1024 * MIB
    model: Path | None = None
    provider: ProviderRequest = dataclasses.field(default_factory=ProviderRequest)
    executor: ExecutorRequest = dataclasses.field(default_factory=ExecutorRequest)
    restart: bool = False
    overwrite: bool = False


def used(job: Job, model: SaltModel | ModelInfo, settings: Settings) -> dict[str, Any]:
    """What a run is carried out with, by name, as its report and its journal have it."""
    return settings.display.to_dict() | {
        "threshold": settings.threshold,
        "gate": model.settings.gate,
        "tta": model.settings.tta,
        "sections": job.sections,
        "lines": str(job.lines or "all"),
        "times": str(job.times or "all"),
    }


def model_request(job: Job, extent: Extent, settings: Settings) -> ModelRequest:
    """The model as the job needs it; all batches are of one size."""
    direction: Direction = "crossline" if job.sections == "crossline" else "inline"
    tiles = batch_of(len(extent.place(direction, settings.display)))
    return ModelRequest(
        path=job.model, threshold=settings.threshold, gate=job.gate, tta=job.tta, min_area=0,
        provider=job.provider, batch_size=tiles,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class SlabPrints:
    """All that a finished slab depends on; it is a
    :class:`salt_infer.execution.journal_protocols.Prints`.
    """

    values: Mapping[str, Field]

    @classmethod
    def of(
        cls, job: Job, survey: Survey, model: SaltModel | ModelInfo, settings: Settings,
        division: Division,
    ) -> SlabPrints:  # fmt: skip
        """That of a run."""
        return cls(
            fields_of_model(model)
            | used(job, model, settings)
            | {"slab": division.size, "survey": survey.digest()}
        )

    def fields(self) -> dict[str, Field]:
        """By name."""
        return dict(self.values)

    def differences(self, before: Mapping[str, Field]) -> list[str]:
        """See :func:`salt_infer.job.fingerprint.differences`."""
        return differences(self.values, before)
