"""What a report says of the model: the file, what ran it, and why that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from salt_infer.modelfile.contract import ModelContract
from salt_infer.predictor.model import SaltModel
from salt_infer.predictor.model_info import ModelInfo


@dataclasses.dataclass(frozen=True)
class ModelReport:
    """The model's part of a report, in the order of its JSON.

    Attributes:
        path: of the file, absolute.
        sha256: hex digest of it.
        provider: what ran it, by its own name.
        asked: the provider that was asked for; None where the caller gave a session.
        remark: how what was taken differs from it, in a few words; empty where it does not.
        passed_over: better providers, and why each was not taken.
        fallback: how what ran differs from what was asked for, a line each.
        nodes: how many of its nodes ran where.
        contract: what the file says of itself.
    """

    path: str
    sha256: str
    provider: str
    asked: str | None
    remark: str
    passed_over: Mapping[str, str]
    fallback: tuple[str, ...]
    nodes: Mapping[str, int]
    contract: ModelContract

    @classmethod
    def of(cls, model: SaltModel | ModelInfo) -> Self:
        """Of a model that was loaded, here or elsewhere."""
        session, choice = model.session, model.choice
        return cls(
            path=str(Path(session.path).absolute()),
            sha256=session.sha256,
            provider=session.provider,
            asked=choice.asked if choice else None,
            remark=choice.remark() if choice else "",
            passed_over=dict(choice.passed_over) if choice else {},
            fallback=choice.fell_back if choice else (),
            nodes=session.placement.nodes,
            contract=session.contract,
        )

    @property
    def name(self) -> str:
        """Of the file, without its folder."""
        return Path(self.path).name

    def ran_on(self) -> str:
        """What ran it and why, and how many of its nodes, with those that ran elsewhere."""
        said = [f"{self.provider}{f' ({self.remark})' if self.remark else ''}"]
        if len(self.nodes) > 1:
            said += [f"{count} nodes on {name}" for name, count in self.nodes.items()]
        else:
            said += [f"all {count} nodes" for count in self.nodes.values()]
        return ", ".join(said)
