"""Connections that say nothing, half of something, or no HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from salt_serve import server as servers
from salt_serve.limits import Limits
from salt_serve.predictor import Predictor
from salt_serve.security import HEADERS
from tests import pngs
from tests.serve.running import Held, Running, healthy, logged, running, started, until

HEAD_S, CONNECTIONS = 1.0, 4
PATIENT_S = 4.0  # where a busy machine must not be taken for a silent client
LIMITS = Limits(head_s=HEAD_S, read_s=0.2, connections=CONNECTIONS)
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    + pngs.good_tile()
    + b"\r\n--b--\r\n"
)
UPLOAD = (
    b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n" % len(BODY)
)


@pytest.fixture(scope="module")
def strict(predictor: Predictor) -> Iterator[Running]:
    with running(predictor, LIMITS) as it:
        yield it


@pytest.fixture(scope="module")
def patient(predictor: Predictor) -> Iterator[Running]:
    with running(predictor, Limits(head_s=PATIENT_S)) as it:
        yield it


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[http.client.HTTPResponse, bytes]:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response, response.read()


def rest(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("sent", [b"", HALF])
def test_a_head_that_never_ends_is_given_up(strict: Running, sent: bytes) -> None:
    started_at = time.monotonic()
    with connected(strict.port) as connection:
        connection.sendall(sent)
        assert rest(connection) == b""
    assert time.monotonic() - started_at > 0.9 * HEAD_S


def test_a_head_that_comes_byte_by_byte_has_no_longer(strict: Running) -> None:
    with connected(strict.port) as connection, pytest.raises(OSError):
        for _ in range(100):
            connection.sendall(HALF[:1])
            time.sleep(HEAD_S / 10)


@pytest.mark.slow
def test_the_next_head_on_a_connection_has_the_same_time(patient: Running) -> None:
    with connected(patient.port) as connection:
        for _ in range(3):
            time.sleep(0.4 * PATIENT_S)
            connection.sendall(HALF + b"\r\n")
            assert answer(connection)[1] == b'{"status":"ok"}'
        connection.sendall(HALF)
        assert rest(connection) == b""


@pytest.mark.slow
def test_a_request_under_way_has_the_time_of_its_body(strict: Running) -> None:
    with connected(strict.port) as connection:
        connection.sendall(UPLOAD + BODY[:100])
        time.sleep(2 * HEAD_S)
        connection.sendall(BODY[100:])
        assert rest(connection).startswith(b"HTTP/1.1 200")


def test_silent_connections_make_room_for_others_and_busy_ones_do_not(
    predictor: Predictor,
) -> None:
    with (
        running(predictor, Limits(connections=CONNECTIONS)) as server,
        connected(server.port) as upload,
        contextlib.ExitStack() as opened,
    ):
        upload.sendall(UPLOAD + BODY[:100])
        assert healthy(server.port)  # so it has read the head above
        silent = [opened.enter_context(connected(server.port)) for _ in range(3 * CONNECTIONS)]
        assert healthy(server.port)
        assert rest(silent[0]) == b""
        upload.sendall(BODY[100:])
        assert rest(upload).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_more_silent_connections_than_descriptors_shut_nobody_out() -> None:
    command = 'ulimit -n 128; exec "$0" -m salt_serve --port 0 --threads 1 --grace 2'
    with started(["bash", "-c", command, sys.executable]) as port, contextlib.ExitStack() as opened:
        for _ in range(140):
            opened.enter_context(connected(port))
        assert healthy(port)


async def much(scope: Scope, receive: Receive, send: Send) -> None:
    """An answer that is larger than what the system keeps for both ends of a connection."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(1 << 25)})


@pytest.mark.parametrize("keeps", [b"", b"Connection: close\r\n"])
@pytest.mark.slow
def test_an_answer_that_nobody_reads_is_given_up(keeps: bytes) -> None:
    server = servers.make(much, LIMITS, 2, access_log=False)
    state = server.server_state
    with servers.listen("127.0.0.1", 0) as listening, contextlib.ExitStack() as opened:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            port = listening.getsockname()[1]
            for _ in range(CONNECTIONS):
                client = opened.enter_context(connected(port))
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + keeps + b"\r\n")
                assert client.recv(8) == b"HTTP/1.1"
            until(lambda: not state.connections)
        finally:
            server.should_exit = True
            thread.join(600)
    assert not thread.is_alive()


def test_nothing_is_computed_for_a_client_that_has_gone(predictor: Predictor) -> None:
    held = Held(predictor)
    with running(held) as it:
        with connected(it.port) as first, connected(it.port) as second:
            first.sendall(UPLOAD + BODY)
            until(held.begun.is_set)
            second.sendall(UPLOAD + BODY)
            until(lambda: it.service.batcher.waiting == 1)
        until(lambda: it.service.batcher.waiting == 0)  # told while the model was busy
        until(lambda: it.service.budget.left == it.service.limits.held_bytes)
        held.go.set()
        assert it.predict([("b.png", pngs.good_tile())]).status_code == 200
        assert held.batches == [1, 1]  # the first, which was under way, and the last
        until(lambda: 'status="499"} 2.0' in it.client.get("/metrics").text)


def test_what_is_no_http_is_refused_as_everything_else_is(strict: Running) -> None:
    with logged() as log, connected(strict.port) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        response, body = answer(connection)
        assert response.status == 400
        assert {name: response.headers[name] for name in HEADERS} == HEADERS
        assert response.headers["cache-control"] == "no-store"
        assert json.loads(body) == {"detail": "Invalid HTTP request received."}
        assert connection.recv(1) == b""
    assert "Traceback" not in log.getvalue()
    assert healthy(strict.port)


@pytest.mark.parametrize("length", [b"5", b"99999999", b"%d" % len(BODY)])
def test_a_request_of_two_lengths_is_refused_and_the_last(strict: Running, length: bytes) -> None:
    """Whichever is believed, a proxy before it may have believed the other."""
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: %b\r\nTransfer-Encoding: chunked\r\n\r\n" % length
    )
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    with logged() as log, connected(strict.port) as connection:
        connection.sendall(head + chunked + HALF + b"\r\n")
        said = rest(connection)
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1
    assert b"connection: close" in said.lower()
    assert "Traceback" not in log.getvalue()
    assert healthy(strict.port)


def test_a_body_that_stops_being_http_is_refused_too(strict: Running) -> None:
    head = UPLOAD.partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    with logged() as log, connected(strict.port) as connection:
        connection.sendall(head + b"no number\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 400")
    assert "Traceback" not in log.getvalue()
