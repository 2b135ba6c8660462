"""A file compared with its networks, within the tolerances of its precision."""

from __future__ import annotations

from pathlib import Path

from salt_export import graph, parity
from salt_export.errors import ParityError
from salt_export.loading import Seen
from salt_export.parity import Parity
from salt_export.request import Job
from salt_export.tolerances import TOLERANCES
from salt_infer.modelfile.contract import ModelContract
from salt_train.network.model import SaltNet
from salt_train.scoring.evaluate import Decision


def compare(
    job: Job, models: list[SaltNet], path: Path, contract: ModelContract, seen: Seen
) -> Parity:
    """What a file at ``path`` computes beside torch.

    Raises:
        ParityError: something else.
    """
    job.doing(
        f"comparing what {job.model.name} computes with torch, in several shapes and then as "
        f"deployed on {len(seen.tiles)} tiles"
    )
    decision = Decision(contract.threshold, contract.gate)
    reference = graph.DenseGraph(models).eval()
    try:
        found = parity.compare(reference, path, seen.tiles, decision, seen.masks)
        found.check(TOLERANCES[contract.precision])
    except ParityError as error:
        raise ParityError(f"{error}{_besides(job, path)}") from error
    return found


def _besides(job: Job, path: Path) -> str:
    """What goes with a refusal, of a draft or of a file that is there."""
    drawn = not (job.verify_images or job.calibrate)
    on = "; the tiles were drawn, --verify-images names real ones" if drawn else ""
    return on if path == job.model else f"{on}; nothing was written"
