"""What a journal was written with: a resumed run must give what an unbroken one would."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from salt_infer import __version__
from salt_infer.data.source import Tile
from salt_infer.execution.journal_protocols import Field
from salt_infer.execution.pipeline import RunOptions
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo

_SHOWN = 12  # characters of a digest
_DIGEST = 64


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """All that a finished group depends on.

    Attributes:
        toolkit: version of this package, which reads tiles and writes masks.
        model: sha256 of the file.
        contract_version: of the file's contract.
        precision: arithmetic of the network.
        provider: what ran it.
        provider_options: those of the user's that the provider got: none where another was fallen
            back to.
        runtime: name and version of what the provider belongs to.
        device: processor or GPU. Another may round differently, and then a run that goes on there
            would not give an unbroken one's bytes.
        threshold, gate, tta, min_area: see :class:`salt_infer.predictor.settings.Settings`.
        batch_size: groups are cut by it, and a tile's probability may differ in the last bit with
            the batch that it is in.
        details, probabilities: whether these are kept.
        images: absolute path of where the tiles are.
        tiles: how many there are.
        ids: sha256 of their ids. Whether a tile changed is asked tile by tile: that costs its
            group, and not the run.
    """

    toolkit: str
    model: str
    contract_version: int
    precision: str
    provider: str
    provider_options: str
    runtime: str
    device: str
    threshold: float
    gate: float
    tta: str
    min_area: int
    batch_size: int
    details: bool
    probabilities: bool
    images: str
    tiles: int
    ids: str

    @classmethod
    def of(
        cls,
        model: SaltModel | ModelInfo,
        options: RunOptions,
        images: str,
        tiles: list[Tile],
    ) -> Fingerprint:
        """That of a run; ``images`` and ``tiles`` are where the tiles are, and all of them."""
        settings = model.settings
        return cls(
            **fields_of_model(model),
            threshold=settings.threshold,
            gate=settings.gate,
            tta=settings.tta,
            min_area=settings.min_area,
            batch_size=options.batch_size,
            details=options.details,
            probabilities=options.probabilities,
            images=images,
            tiles=len(tiles),
            ids=_digest(tile.id for tile in tiles),
        )

    def fields(self) -> dict[str, Field]:
        """By name."""
        return dataclasses.asdict(self)

    def differences(self, before: Mapping[str, Field]) -> list[str]:
        """See :func:`differences`."""
        return differences(self.fields(), before)


def fields_of_model(model: SaltModel | ModelInfo) -> dict[str, Any]:
    """What answers depend on of a loaded model and of what runs it, by the names in
    :class:`Fingerprint`.
    """
    session = model.session
    return {
        "toolkit": __version__,
        "model": session.sha256,
        "contract_version": session.contract.contract_version,
        "precision": session.contract.precision,
        "provider": session.provider,
        "provider_options": _options(model),
        "runtime": session.runtime,
        "device": session.device,
    }


def differences(mine: Mapping[str, Field], before: Mapping[str, Field]) -> list[str]:
    """``name then, name now`` for each field that another run has otherwise."""
    return [
        f"{name} {_shown(before.get(name))} then, {_shown(mine.get(name))} now"
        for name in [*mine, *(name for name in before if name not in mine)]
        if mine.get(name) != before.get(name)
    ]


def _options(model: SaltModel | ModelInfo) -> str:
    options = model.choice.options if model.choice else ()
    return " ".join(f"{name}={value}" for name, value in sorted(options))


def _digest(ids: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name in ids:
        encoded = name.encode(errors="surrogatepass")
        digest.update(b"%d:%b" % (len(encoded), encoded))  # no two lists give the same bytes
    return digest.hexdigest()


def _shown(value: Field | None) -> str:
    if value is None:
        return "unknown"
    text = str(value)
    return text[:_SHOWN] if len(text) == _DIGEST and text.isalnum() else text
