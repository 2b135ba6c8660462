"""Who is to carry out a run, and where tiles are decoded, as it was asked for (``--engine``,
``--decode-in``). :mod:`salt_infer.execution.factory` makes the executor that a request names.
TensorRT's engines, which are another thing, are in :mod:`salt_infer.backends.engine_cache`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Literal, get_args

from salt_infer.errors import UsageError

Name = Literal["local", "ray"]
NAMES: tuple[str, ...] = get_args(Name)
DecodeIn = Literal["auto", "threads", "processes"]
DECODE_IN: tuple[str, ...] = get_args(DecodeIn)

_ADDRESS = re.compile(r"auto|(?!.*://).+:\d+")


@dataclasses.dataclass(frozen=True)
class ExecutorRequest:
    """What was asked for.

    Attributes:
        name: ``local``: this process; ``ray``: Ray Data.
        ray_address: of a running cluster, ``HOST:PORT``, or ``auto`` for the one that this machine
            belongs to; Ray is started on this machine if None.
        actors: processes that hold the model; one for each GPU, or node, if None.
    """

    name: Name = "local"
    ray_address: str | None = None
    actors: int | None = None

    def __post_init__(self) -> None:
        given = {"--ray-address": self.ray_address, "--actors": self.actors}
        for option, value in given.items():
            if value is not None and self.name != "ray":
                raise UsageError(f"{option} belongs to --engine ray, the engine is {self.name}")
        if self.ray_address is not None and not _ADDRESS.fullmatch(self.ray_address):
            raise UsageError(
                f"Ray's address is {self.ray_address!r}, expected HOST:PORT of the cluster's head, "
                "or auto on one of its nodes; ray:// addresses, of its client, do not do"
            )
