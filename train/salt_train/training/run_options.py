"""How a run is carried out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from salt_train.compute.distributed import World


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, as opposed to what it computes.

    Attributes:
        out: folder for checkpoints and metrics.
        device: torch device name.
        progress: show progress bars; None shows them on a terminal.
        validate_every: epochs between validations; the last epoch always has one.
        world: the processes that share the work.
        save_every_s: seconds between two of ``last.pth``, at ends of epochs: what is lost where a
            run is killed is at most so many, and an epoch. The first epoch and the last are always
            saved, and so are snapshots.
        compiled: let ``torch.compile`` make the training steps, in the mode of this name; empty
            leaves them as they are.
        threads: of the CPU, as the run was told; None where torch chose. It is kept for those who
            go on with the run, and set by the caller.
    """

    out: Path
    device: str = "cpu"
    progress: bool | None = None
    validate_every: int = 1
    world: World = dataclasses.field(default_factory=World)
    save_every_s: float = 0.0
    compiled: str = ""
    threads: int | None = None
