"""The connection to a Ray cluster, or Ray started on this machine: quietly, and given back.

No other module imports Ray, which has to be told some things before that.
"""

from __future__ import annotations

import array
import contextlib
import dataclasses
import io
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

# Read by Ray when it is imported and started; that it reports nothing is in
# salt_infer.system.privacy. It would join a cluster again from a thread that was left behind, warn
# of a change to come in what it does with the numbers of GPUs, and print what is no error as one.
for _name, _value in {
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
import ray.data  # noqa: E402
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: E402

from salt_infer.errors import ExecutorError, one_line  # noqa: E402
from salt_infer.execution.ray_resources import Resources  # noqa: E402
from salt_infer.predictor.model_info import ModelInfo  # noqa: E402
from salt_infer.system import privacy  # noqa: E402
from salt_infer.system.cpu import available_cpus  # noqa: E402

__all__ = ["ActorInfo", "ActorRegistry", "Aside", "connect", "disconnect", "nodes", "ray"]

_WRITABLE = "; set RAY_TMPDIR to a folder that can be written to"
_HINTS = {  # by what Ray says when it cannot be started
    "AF_UNIX path": "; set RAY_TMPDIR to a short path, such as /tmp",
    "Read-only file system": _WRITABLE,
    "Permission denied": _WRITABLE,
    "timed out during startup": "; try again when the machine is less busy",
}

_LINE = 200  # characters of a message of Ray's

_REPORTS = "RAY_USAGE_STATS_ENABLED"

REACH_S = 5.0  # seconds to wait for a head to answer, and for the registry at the end


@dataclasses.dataclass(frozen=True)
class ActorInfo:
    """An actor that has loaded the model.

    Attributes:
        node: Ray's name for its node.
        address: of that machine.
        pid: of its process.
        devices: numbers of the GPUs that Ray gave it.
        model: what it has loaded.
    """

    node: str
    address: str
    pid: int
    devices: tuple[str, ...]
    model: ModelInfo


def connect(address: str | None) -> None:
    """Join a cluster.

    Args:
        address: of its head, or ``auto``; Ray is started on this machine if None.

    Raises:
        ExecutorError: it cannot be reached, runs another version, or this process has joined one.
    """
    if ray.is_initialized():
        raise ExecutorError("this process is connected to Ray already; call ray.shutdown() before")
    _reach(address)
    local = {"include_dashboard": False, "num_cpus": available_cpus()} if address is None else {}
    with _our_handlers(), _silence(), _nobody_asked():
        try:
            ray.init(address or "local", log_to_driver=False, logging_level=logging.ERROR, **local)
        except Exception as error:  # Ray raises plain ones, too, such as where it starts too slowly
            raise ExecutorError(_unreachable(address, one_line(error))) from error
    _quiet()


def disconnect() -> None:
    """Leave it; what still runs for this process ends."""
    ray.shutdown()


def nodes() -> list[Resources]:
    """What each node has that is alive."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _reach(address: str | None) -> None:
    """Ray itself tries for a minute."""
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ExecutorError(_unreachable(address, one_line(error))) from error


def _unreachable(address: str | None, why: str) -> str:
    if address is None:
        hints = (hint for part, hint in _HINTS.items() if part in why)
        return f"Ray cannot be started on this machine ({why}){next(hints, '')}"
    return (
        f"Ray's cluster ({address}) cannot be joined ({why}); start one with 'ray start --head', "
        "give the address that it prints, and have the same Ray and Python on every node"
    )


@contextlib.contextmanager
def _our_handlers() -> Iterator[None]:
    """Ray sets a handler for SIGTERM that exits with another code."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not the main thread, where Ray sets none either
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _nobody_asked() -> Iterator[None]:
    """Within, Ray starts no dashboard on this machine. Of one that is not wanted, what is left is a
    process that reports to Ray's makers; told not to, it asks all the same which cloud this is, of
    addresses outside, and no setting keeps it from that. A Ray that starts it in another way does.
    """
    services: Any = sys.modules.get("ray._private.services")
    start = getattr(services, "start_api_server", None)
    if start is None or os.environ.get(_REPORTS) != privacy.SWITCHES[_REPORTS]:
        yield
        return
    # As Ray gives it for one without pages: no address, and no process that has to live.
    services.start_api_server = lambda *_, **__: ("", None)
    try:
        yield
    finally:
        services.start_api_server = start


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Ray's C++ part greets on stderr, past Python; what is wrong arrives as an exception."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _quiet() -> None:
    """Bars, plans and advice; errors arrive as exceptions."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.enable_fallback_to_arrow_object_ext_type = True  # rows hold objects: no warning
    for handler in logging.getLogger("ray.data").handlers:
        handler.setLevel(logging.CRITICAL)


class Aside(io.TextIOBase):
    """Ray prints to standard output, from a thread, what befalls its nodes; in place of that, this
    gives standard error the first line of each.
    """

    def write(self, text: str) -> int:
        line = text.strip().partition("\n")[0]
        if line:
            print(line[:_LINE], file=sys.stderr)
        return len(text)


class _Book:
    """What actors have told, in a process on the node of the run itself."""

    def __init__(self) -> None:
        self._actors: list[ActorInfo] = []
        self._begun = array.array("H")  # how often, by number of the group

    def joined(self, actor: ActorInfo) -> None:
        self._actors.append(actor)

    def began(self, group: int) -> int:
        self._begun.extend([0] * (group + 1 - len(self._begun)))
        self._begun[group] += 1
        return self._begun[group]

    def read(self) -> tuple[list[ActorInfo], int]:
        return self._actors, sum(self._begun)


class ActorRegistry:
    """See :class:`salt_infer.execution.ray_worker.Registry`; made where the run is, and sent to the
    actors.

    The node of the run has it: that one cannot be lost without the run.
    """

    def __init__(self) -> None:
        here = ray.get_runtime_context().get_node_id()
        beside = NodeAffinitySchedulingStrategy(here, soft=False)
        book = ray.remote(num_cpus=0, scheduling_strategy=beside)(_Book)
        self._book: Any = book.remote()

    def joined(self, model: ModelInfo) -> bool:
        context = ray.get_runtime_context()
        devices = context.get_accelerator_ids().get("GPU", [])
        node, address = context.get_node_id(), ray.util.get_node_ip_address()
        actor = ActorInfo(node, address, os.getpid(), tuple(devices), model)
        ray.get(self._book.joined.remote(actor))
        return bool(context.was_current_actor_reconstructed)

    def began(self, group: int) -> Callable[[], int]:
        times = self._book.began.remote(group)
        return lambda: int(ray.get(times))

    def read(self) -> tuple[list[ActorInfo], int]:
        """All actors that ever joined, and how many groups were begun, each time counted."""
        actors, begun = ray.get(self._book.read.remote(), timeout=REACH_S)
        return actors, begun
