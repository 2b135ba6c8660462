"""How a model's probabilities become masks: as its file says, or as the caller does."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import numpy as np

from salt_infer.errors import InputError
from salt_infer.masks.decision import Decision
from salt_infer.modelfile.contract import TTA_NAMES, ModelContract, Tta


@dataclasses.dataclass(frozen=True)
class Settings(Decision):
    """How probabilities become masks.

    Attributes:
        tta: test-time augmentation; it is the mean over its views that is compared.
        min_area: pixels; a mask with fewer becomes empty.
        judged: the model has a judge, see
            :class:`salt_infer.predictor.prediction.Prediction`; nothing that is set.
    """

    tta: Tta
    min_area: int = 0
    judged: bool = True

    @classmethod
    def of(
        cls, contract: ModelContract, threshold: float | None, gate: float | None, tta: Tta | None,
        min_area: int,
    ) -> Self:  # fmt: skip
        """What a file says, but for what is given."""
        return cls(
            contract.threshold if threshold is None else threshold,
            contract.gate if gate is None else gate,
            contract.tta if tta is None else tta,
            min_area,
            contract.judged,
        )

    def __post_init__(self) -> None:
        if not isinstance(self.min_area, int | np.integer) or self.min_area < 0:
            raise InputError(f"min_area is {self.min_area!r}, expected 0 or more pixels")
        for name in ("threshold", "gate"):
            value = getattr(self, name)
            if not _is_share(value):
                raise InputError(f"{name} is {value!r}, expected a number within 0..1")
        if self.tta not in TTA_NAMES:
            raise InputError(f"tta is {self.tta!r}, expected one of {', '.join(TTA_NAMES)}")


def _is_share(value: Any) -> bool:
    """A number within 0..1, also an array of one such; text is none."""
    try:
        return not isinstance(value, str | bytes) and 0.0 <= float(value) <= 1.0
    except (TypeError, ValueError):
        return False
