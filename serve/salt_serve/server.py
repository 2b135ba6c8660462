"""Listens, serves until told to stop, and then finishes what is under way."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from salt_infer.errors import InputError
from salt_serve.connection import Connection
from salt_serve.limits import Limits

BACKLOG = 512
_NO_DESCRIPTORS, _MINUTE_S = "socket.accept() out of system resource", 60.0
OWN_FILES = 32  # descriptors that are no connections: the model, the listening socket, the page


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free.

    Raises:
        InputError: no such address, or it is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        # Not socket.create_server: it leaves the protocol open, and asyncio turns Nagle's algorithm
        # off only where it reads TCP. With it, each answer waits 40 ms for an acknowledgement.
        listening = socket.socket(family, kind, protocol)
    except (socket.gaierror, UnicodeError) as error:
        raise InputError(f"{host} is no address of this machine; give another --host") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno) if error.errno else error
        raise InputError(
            f"port {port} of {host} cannot be opened ({reason}); give another --host or --port"
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def make(app: ASGIApp, limits: Limits, grace_s: int, access_log: bool) -> uvicorn.Server:
    """A server of an application.

    Args:
        app: what to serve.
        limits: how many connections there may be, and how long they may be silent.
        grace_s: seconds that requests have to finish when it is told to stop.
        access_log: write a line for each request.
    """

    class Limited(Connection):
        head_s, read_s = limits.head_s, limits.read_s
        most = min(limits.connections, _possible_connections())

    told = logging.getLogger("asyncio")
    if not any(isinstance(each, OncePerMinute) for each in told.filters):
        told.addFilter(OncePerMinute())
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # clients' mistakes, not ours
    config = uvicorn.Config(
        app,
        http=Limited,
        timeout_graceful_shutdown=grace_s,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,  # nothing here depends on who asks
        ws="none",
    )
    return uvicorn.Server(config)


class OncePerMinute(logging.Filter):
    """asyncio tells of each connection that it has no descriptor for, thousands a second, with a
    traceback. One line a minute says it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is let pass, made short if it is one of those."""
        if not record.getMessage().startswith(_NO_DESCRIPTORS):
            return True
        now = time.monotonic()
        if now - self._last < _MINUTE_S:
            return False
        self._last = now
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        record.msg, record.args, record.exc_info, record.exc_text = (
            f"connections wait for descriptors, of which there are {allowed}: ulimit -n makes more",
            (), None, None,
        )  # fmt: skip
        return True


def _possible_connections() -> int:
    """How many the system allows. With all descriptors in use, nothing at all would be answered."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(allowed - OWN_FILES, 1)


def run(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; then take no new connections and finish requests."""
    with _signals_are_requests():
        server.run([listening])


@contextlib.contextmanager
def _signals_are_requests() -> Iterator[None]:
    """uvicorn repeats the signal after an orderly end. Having stopped as asked is no failure."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, _nothing) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
