"""By what, of what and when an output was made: for whoever asks later."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Self

from salt_infer.job.fingerprint import fields_of_model
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo

_SOFTWARE = ("toolkit", "runtime", "provider", "device")


@dataclasses.dataclass(frozen=True)
class Provenance:
    """That of one run.

    Attributes:
        source: what was read, an absolute path or an address.
        toolkit: version of this package.
        runtime: name and version of what ran the model.
        provider: what of it did.
        device: processor or GPU.
        provider_options: those of the user's that it got.
        began, ended: in UTC, as ISO 8601; of a run that was gone on with, its last part.
    """

    source: str
    toolkit: str
    runtime: str
    provider: str
    device: str
    provider_options: str
    began: str
    ended: str

    @classmethod
    def of(cls, source: str, model: SaltModel | ModelInfo, began: str) -> Self:
        """Of a run that ends now."""
        fields = fields_of_model(model)
        return cls(
            source, **software(model), provider_options=fields["provider_options"], began=began,
            ended=now(),
        )  # fmt: skip


def software(model: SaltModel | ModelInfo) -> dict[str, str]:
    """What runs a loaded model, by the names in :class:`Provenance`."""
    fields = fields_of_model(model)
    return {name: fields[name] for name in _SOFTWARE}


def now() -> str:
    """The time in UTC, such as ``2030-01-31T23:59:59+00:00``."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
