"""Requests that are still under way when the time that a stopping server gives them is over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.types import Message, Receive, Scope, Send

from salt_serve import server as servers
from salt_serve.predictor import Predictor
from salt_serve.security import HEADERS
from salt_serve.stopping import Stoppable
from tests import pngs
from tests.serve.running import Held, healthy, logged, running, until

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
UPLOAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
)


def test_what_is_not_done_when_the_grace_is_over_is_asked_to_come_back(
    predictor: Predictor,
) -> None:
    held, tile = Held(predictor), ("x.png", pngs.good_tile())
    with (
        ThreadPoolExecutor(4) as clients,
        running(held, grace_s=0) as server,
        logged() as log,
        contextlib.closing(socket.create_connection(("127.0.0.1", server.port), 20)) as upload,
    ):
        asked = [clients.submit(server.predict, [tile])]  # the model has this one
        assert held.begun.wait(600)
        asked += [clients.submit(server.predict, [tile] * 64) for _ in range(2)]
        until(lambda: server.service.batcher.waiting == 128)
        upload.sendall(UPLOAD)
        assert healthy(server.port)
        stopping = clients.submit(server.stop)
        responses = [each.result() for each in asked]  # before the model is done
        raw = b"".join(iter(lambda: upload.recv(65536), b"")).decode()
        held.go.set()
        stopping.result()
    for response in responses:
        assert response.status_code == 503
        assert response.json() == {"detail": "the server is stopping; try again"}
        assert int(response.headers["retry-after"]) >= 1
        assert response.headers["connection"] == "close"
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert raw.startswith("HTTP/1.1 503 ")
    assert raw.endswith('{"detail":"the server is stopping; try again"}')
    assert held.batches == [1]  # what nobody waits for any more is not run
    assert log.getvalue().count("graceful shutdown exceeded") == 1
    assert "Cancel 4 running task(s)" in log.getvalue()
    assert "Traceback" not in log.getvalue()


def test_the_last_answer_of_a_connection_says_so(predictor: Predictor) -> None:
    """Who keeps connections would send the next request into one that closes."""
    held, tile = Held(predictor), ("x.png", pngs.good_tile())
    with ThreadPoolExecutor(2) as clients, running(held, grace_s=600) as server:
        assert "connection" not in server.client.get("/healthz").headers
        asked = clients.submit(server.predict, [tile])
        assert held.begun.wait(600)
        stopping = clients.submit(server.stop)
        until(lambda: not listens(server.port))
        held.go.set()
        response = asked.result()
        stopping.result()
    assert response.status_code == 200
    assert response.headers["connection"] == "close"


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 20).close()
    except OSError:
        return False
    return True


def test_that_there_are_no_descriptors_is_said_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(servers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    told = servers.OncePerMinute()

    def record(text: str) -> logging.LogRecord:
        fault = (OSError, OSError(24, "Too many open files"), None)
        return logging.LogRecord("asyncio", logging.ERROR, "", 0, text, (), fault)

    first = record("socket.accept() out of system resource\nsocket: <...>")
    assert told.filter(first)
    assert first.getMessage().startswith("connections wait for descriptors, of which there are ")
    assert first.exc_info is None
    assert not told.filter(record("socket.accept() out of system resource"))
    other = record("something else")
    assert told.filter(other)
    assert other.exc_info
    now[0] += 61
    assert told.filter(record("socket.accept() out of system resource"))


@pytest.mark.parametrize("begun", [[], [START]])
def test_an_answer_that_has_begun_is_cut_and_not_mixed_with_another(begun: list[Message]) -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in begun:
            await send(message)
        raise asyncio.CancelledError

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    asyncio.run(Stoppable(app)({"type": "http"}, receive, send))
    assert [message.get("status") for message in sent] == ([200] if begun else [503, None])
