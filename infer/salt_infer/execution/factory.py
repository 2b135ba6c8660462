"""The executor that was asked for, its model loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salt_infer.backends.selection import Concurrency
from salt_infer.errors import PackageError, UsageError
from salt_infer.execution.base import Executor, ModelRequest
from salt_infer.execution.local import LocalExecutor
from salt_infer.execution.request import ExecutorRequest
from salt_infer.system.callbacks import Tell
from salt_infer.system.cpu import lanes_here

if TYPE_CHECKING:
    from salt_infer.execution.ray_executor import RayExecutor


def open_executor(
    request: ExecutorRequest, model: ModelRequest, decoders: int | None, tell: Tell, groups: int
) -> Executor:
    """Load the model where it is to run.

    Args:
        request: where.
        model: what.
        decoders: how many are to read and decode tiles at a time; see ``--workers``.
        tell: is given a line of what a user should know at once.
        groups: how many there are: fewer than cores are not run a core each.

    Raises:
        UsageError: a GPU was named, and Ray is to choose.
        ModelError: the model cannot be loaded.
        PackageError: Ray was asked for and is not installed.
        ExecutorError: the cluster cannot be reached, or has no room.
    """
    if request.name == "local":
        concurrency = Concurrency(lanes=min(lanes_here(), groups), in_turn=groups > 1)
        return LocalExecutor(model.load(tell, concurrency))
    return open_ray(request, model, decoders, tell)


def open_ray(
    request: ExecutorRequest, model: ModelRequest, decoders: int | None, tell: Tell
) -> RayExecutor:
    """Join the cluster, and see what the model is there; arguments and errors as of
    :func:`open_executor`.
    """
    if model.provider.device_id:
        raise UsageError("--device-id is not for --engine ray, which gives each actor a GPU")
    try:
        from salt_infer.execution.ray_executor import RayExecutor
    except ModuleNotFoundError as error:
        raise PackageError(
            f"--engine ray needs Ray ({error.name} is not installed); "
            "pip install 'salt-toolkit[ray]'"
        ) from error
    return RayExecutor(request, model, decoders, tell)
