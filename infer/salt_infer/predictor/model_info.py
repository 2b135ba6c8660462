"""What is known of a loaded model, without the model: it can be sent between processes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Self

from salt_infer.backends.node_placement import Placement
from salt_infer.backends.selection import ProviderChoice
from salt_infer.modelfile.contract import ModelContract
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.settings import Settings


@dataclasses.dataclass(frozen=True)
class SessionInfo:
    """Of the session; the names are those of :class:`salt_infer.backends.base.Session`."""

    path: Path
    sha256: str
    contract: ModelContract
    placement: Placement
    provider: str
    runtime: str
    device: str


@dataclasses.dataclass(frozen=True)
class ModelInfo:
    """Of the model; the names are those of :class:`salt_infer.predictor.model.SaltModel`."""

    session: SessionInfo
    settings: Settings
    choice: ProviderChoice | None
    batch_size: int

    @classmethod
    def of(cls, model: SaltModel) -> Self:
        """All that a journal and a report say of it."""
        session = model.session
        known = SessionInfo(
            session.path, session.sha256, session.contract, session.placement, session.provider,
            session.runtime, session.device,
        )  # fmt: skip
        return cls(known, model.settings, model.choice, model.batch_size)

    @property
    def answers(self) -> tuple[str, str, str, str, Settings]:
        """What has to be the same wherever tiles of one run are predicted: file, provider,
        runtime, processor or GPU, and settings.
        """
        known = self.session
        return (known.sha256, known.provider, known.runtime, known.device, self.settings)
