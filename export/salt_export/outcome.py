"""What an export or a verification has shown, for people and as JSON, and who may write it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salt_export import provenance
from salt_export.cost import Cost
from salt_export.parity import Parity
from salt_export.request import Job
from salt_infer.modelfile.contract import ModelContract
from salt_infer.system import output_locks


@dataclasses.dataclass(frozen=True)
class Done:
    """What an export or a verification has shown."""

    contract: ModelContract
    parity: Parity
    cost: Cost
    size: int  # bytes

    def lines(self, model: Path) -> list[str]:
        """For people."""
        contract = self.contract
        return [
            f"{model}: {self.size / 1e6:.1f} MB, {contract.kind}, opset {contract.opset}",
            f"{self.cost.gmac:.2f} GMAC a view ({self.cost.gmac_as_drawn:.2f} with hypercolumns "
            f"projected after upsampling), {self.cost.parameters / 1e6:.2f} M parameters",
            *self.parity.lines(contract.precision),
            *provenance.unscored(self.contract.validation),
        ]


@contextlib.contextmanager
def writing(job: Job, *paths: Path | None) -> Iterator[None]:
    """:func:`salt_infer.system.output_locks.writing`; where that keeps less away, it is said."""
    with output_locks.writing(*paths) as unlocked:
        if unlocked:
            job.say(f"warning: {unlocked}")
        yield


def report(job: Job, done: Done) -> dict[Path, bytes]:
    """What is to be written of it, by the file's name; nothing where it was not asked for."""
    if job.report is None:
        return {}
    value: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": provenance.command_line(),
        "model": str(job.model),
        "bytes": done.size,
        "cost": dataclasses.asdict(done.cost),
        "parity": done.parity.to_json(),
        "contract": dataclasses.asdict(done.contract),
    }
    return {job.report: (json.dumps(value, indent=2) + "\n").encode()}
