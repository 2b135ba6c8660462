"""A server in a thread, and what tests say to it."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import io
import logging
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import httpx

from salt_serve import server as servers
from salt_serve.api import create_app
from salt_serve.batcher import BatchOptions
from salt_serve.limits import Limits
from salt_serve.predictor import Found, Predictor, Query
from salt_serve.service import Service

Form = list[tuple[str, tuple[str, bytes, str]]]
PATIENCE_S = 120
# An upload that does not go on holds a server so long. Tests have their answers before it stops.
GRACE_S = 2


@dataclasses.dataclass(frozen=True)
class Running:
    """A server that listens.

    Attributes:
        url: where, without a last slash.
        client: an HTTP client of it.
        service: what it serves; it lives in another thread.
        stop: ends it before its time.
    """

    url: str
    client: httpx.Client
    service: Service
    stop: Callable[[], None]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def predict(self, files: Iterable[tuple[str, bytes]], **query: Any) -> httpx.Response:
        return self.client.post("/v1/predict", files=form(files), params=query)


def form(files: Iterable[tuple[str, bytes]]) -> Form:
    return [("files", (name, data, "image/png")) for name, data in files]


class Held(Predictor):
    """A model that waits before each batch until it is let go."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor.model)
        self.begun, self.go = threading.Event(), threading.Event()
        self.batches: list[int] = []

    def __call__(self, queries: list[Query]) -> list[Found]:
        self.batches.append(len(queries))
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        return super().__call__(queries)


class Broken(Predictor):
    """A model that fails on some tiles."""

    def __init__(self, predictor: Predictor, fails: Callable[[Query], bool]) -> None:
        super().__init__(predictor.model)
        self.fails = fails

    def __call__(self, queries: list[Query]) -> list[Found]:
        if any(map(self.fails, queries)):
            raise RuntimeError("secret of the machine room")
        return super().__call__(queries)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def healthy(port: int) -> bool:
    """Whether a new connection is answered; then all that was sent on older ones has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """What servers that run now write into their log."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger("uvicorn.error")  # it does not propagate to where pytest listens
    logger.addHandler(handler)
    try:
        yield text
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def running(
    predictor: Predictor,
    limits: Limits | None = None,
    options: BatchOptions | None = None,
    port: int = 0,
    grace_s: int = GRACE_S,
    prefix: str = "",
) -> Iterator[Running]:
    service = Service(predictor, limits or Limits(), options or BatchOptions())
    server = servers.make(create_app(service, prefix), service.limits, grace_s, access_log=False)
    with servers.listen("127.0.0.1", port) as listening:
        url = servers.address(listening).rstrip("/")
        thread = threading.Thread(target=server.run, args=([listening],))

        def stop() -> None:
            server.should_exit = True
            thread.join(PATIENCE_S)

        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as client:
                yield Running(url, client, service, stop)
        finally:
            stop()
    assert not thread.is_alive(), (server.server_state.connections, server.server_state.tasks)


@contextlib.contextmanager
def started(command: Sequence[str]) -> Iterator[int]:
    """The port of a server in a process of its own, which must stop when it is told to: in less
    time than its default grace, so that the command should have a shorter one.
    """
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found
        try:
            yield int(found[1])
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
