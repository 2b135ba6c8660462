"""What a journal of slabs was written with: a resumed run must give what an unbroken one would."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from salt_infer.execution.journal_protocols import Field
from salt_infer.job.fingerprint import differences, fields_of_model
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo
from salt_survey.execution.slabs import Division
from salt_survey.reading.survey import Survey


@dataclasses.dataclass(frozen=True)
class SlabPrints:
    """All that a finished slab depends on; it is a
    :class:`salt_infer.execution.journal_protocols.Prints`.
    """

    values: Mapping[str, Field]

    @classmethod
    def of(
        cls, used: dict[str, Any], survey: Survey, model: SaltModel | ModelInfo,
        division: Division,
    ) -> SlabPrints:  # fmt: skip
        """That of a run, and of what it is carried out with."""
        return cls(
            fields_of_model(model) | used | {"slab": division.size, "survey": survey.digest()}
        )

    def fields(self) -> dict[str, Field]:
        """By name."""
        return dict(self.values)

    def differences(self, before: Mapping[str, Field]) -> list[str]:
        """See :func:`salt_infer.job.fingerprint.differences`."""
        return differences(self.values, before)
