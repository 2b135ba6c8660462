"""The executor of slabs that was asked for, its model loaded."""

from __future__ import annotations

from salt_infer.backends.selection import Concurrency
from salt_infer.execution.base import ModelRequest
from salt_infer.execution.factory import open_ray
from salt_infer.execution.request import ExecutorRequest
from salt_infer.system.callbacks import Tell
from salt_infer.system.cpu import lanes_here
from salt_survey.execution.executors import LocalSlabs, SlabExecutor
from salt_survey.sections.in_flight import Room


def open_executor(
    request: ExecutorRequest, model: ModelRequest, sections: int, room: Room, tell: Tell
) -> SlabExecutor:
    """Load the model where it is to run.

    Args:
        request: where.
        model: what.
        sections: how many there are: fewer than cores are not run a core each.
        room: memory for them: nor are more than fit into it.
        tell: is given a line of what a user should know at once.

    Raises:
        UsageError: a GPU was named, and Ray is to choose.
        ModelError: the model cannot be loaded.
        PackageError: Ray was asked for and is not installed.
        ExecutorError: the cluster cannot be reached, or has no room.
    """
    if request.name == "local":
        lanes = lanes_within(min(lanes_here(), sections), room)
        return LocalSlabs(model.load(tell, Concurrency(lanes=lanes, in_turn=sections > 1)))
    cluster = open_ray(request, model, None, tell)
    from salt_survey.execution.ray_slabs import RaySlabs  # now that Ray is known to be there

    return RaySlabs(cluster)


def lanes_within(wanted: int, room: Room) -> int:
    """So many, or where there is no memory for them the largest number within it that divides
    them: the threads are dealt out evenly, and of 4 a third lane would leave one idle.
    """
    fit = room.flight(1, wanted).runners
    return max(count for count in range(1, fit + 1) if wanted % count == 0)
