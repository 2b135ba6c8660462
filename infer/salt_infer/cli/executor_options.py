"""The options of a command that runs many tiles: in this process, or on Ray."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import click

from salt_infer.execution.request import NAMES, ExecutorRequest, Name

_OPTIONS = (
    click.option(
        "--engine", type=click.Choice(NAMES), default="local", show_default=True,
        help="Who runs the tiles: this process, or Ray, on all GPUs or nodes that it has. Ray's "
        "nodes need this program, and images and model under the same paths.",
    ),
    click.option(
        "--ray-address", metavar="HOST:PORT|auto",
        help="Ray's cluster; default: Ray is started here, for this machine alone.",
    ),
    click.option(
        "--actors", type=click.IntRange(1, 10_000), metavar="N",
        help="Processes of Ray that hold the model; default: one for each GPU, or node.",
    ),
)  # fmt: skip


def executor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, and hand them to it as ``executor``, an ExecutorRequest."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, engine: str, ray_address: str | None, actors: int | None, **others: Any
    ) -> None:
        request = ExecutorRequest(cast(Name, engine), ray_address, actors)
        command(*arguments, executor=request, **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed
