"""What only shows on the wire: slow, chunked, oversized and odd requests, and every header."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from salt_serve.api import PAGES, STATIC
from salt_serve.limits import Limits
from salt_serve.predictor import Predictor
from salt_serve.security import HEADERS
from tests import pngs
from tests.serve.running import PATIENCE_S, Running, healthy, logged, running, until

HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
SMALL = Limits(file_bytes=1000, request_bytes=2000, held_bytes=100_000, body_s=0.3)


@pytest.fixture(scope="module")
def small(predictor: Predictor) -> Iterator[Running]:
    with running(predictor, SMALL) as it:
        yield it


def talk(server: Running, *pieces: bytes) -> tuple[int, dict[str, str], str]:
    """Send bytes, read until the server closes: status, headers and body of its answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=600) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return answer(read_all(connection))


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def answer(raw: bytes) -> tuple[int, dict[str, str], str]:
    head, _, body = raw.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://x/healthz", 200),
        ("HTTPS://x:81/v1/model?a=b", 200),
        ("http://x", 200),
        ("http://x/docs/", 307),
        ("http://x/healthy", 404),
        ("/http://x/healthz", 404),
    ],
)
def test_an_address_may_have_its_scheme_and_host(server: Running, target: str, status: int) -> None:
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert talk(server, head.encode())[0] == status


def test_a_body_that_never_ends_is_given_up(small: Running) -> None:
    status, headers, body = talk(small, HEAD + b"Content-Length: 50\r\n\r\n--b\r\n")
    assert status == 408
    assert headers["connection"] == "close"
    assert json.loads(body) == {"detail": "the body did not arrive within 0.3 s"}
    assert small.service.budget.held == 0


def test_a_body_that_announces_too_much_is_refused_after_it_was_written(small: Running) -> None:
    """A client that writes all before it reads must find an answer, not a broken connection."""
    head = HEAD + b"Connection: close\r\nContent-Length: 5000\r\n\r\n"
    status, _, body = talk(small, head + bytes(5000))
    assert status == 413
    assert "more than 2000 bytes" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/v1/predct", 404), ("POST", "/", 405), ("PUT", "/v1/predict", 405)],
)
def test_a_wrong_address_is_told_after_a_large_body(
    server: Running, method: str, path: str, status: int
) -> None:
    """Also to clients that keep no connection: closed early, it would look like a broken server."""
    body = urllib.request.Request(server.url + path, b"x" * 12_000_000, method=method)
    with pytest.raises(urllib.error.HTTPError) as told:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(body, timeout=PATIENCE_S)
    with told.value as answer:
        assert answer.status == status
        assert "detail" in json.load(answer)


def test_a_client_that_waits_for_leave_need_not_send_the_body(small: Running) -> None:
    status, _, _ = talk(small, HEAD + b"Expect: 100-continue\r\nContent-Length: 500000000\r\n\r\n")
    assert status == 413


def test_a_chunked_body_is_cut_off_at_the_limit(small: Running) -> None:
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    head = HEAD.replace(b"=b\r\n", b"=b\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n")
    start = b"400\r\n" + b"--b\r\nContent-Disposition: form-data; name=files\r\n\r\n".ljust(1024)
    status, _, body = talk(small, head + b"\r\n" + start + b"\r\n" + chunk * 5 + b"0\r\n\r\n")
    assert status == 413
    assert "more than 2000 bytes" in json.loads(body)["detail"]


def test_bytes_that_are_only_announced_take_no_room(predictor: Predictor) -> None:
    limits = Limits(file_bytes=20_000, request_bytes=20_000, held_bytes=40_000)
    head = HEAD + b"Content-Length: 20000\r\n\r\n"
    with running(predictor, limits) as server, contextlib.ExitStack() as opened:
        for _ in range(8):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=600)
            opened.enter_context(client).sendall(head)
        assert healthy(server.port)
        assert server.predict([("x.png", pngs.good_tile())]).status_code == 200
        assert server.client.get("/readyz").status_code == 200


def test_bytes_that_came_take_room_until_their_request_ends(predictor: Predictor) -> None:
    limits = Limits(file_bytes=1000, request_bytes=2000, held_bytes=3000)
    start = b"--b\r\nContent-Disposition: form-data; name=files\r\n\r\n".ljust(1800)
    with running(predictor, limits) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=600) as first:
            first.sendall(HEAD + b"Content-Length: 2000\r\n\r\n" + start)
            until(lambda: server.service.budget.held == 1800)
            assert server.client.get("/readyz").status_code == 503
            status, headers, body = talk(
                server, HEAD + b"Connection: close\r\nContent-Length: 1800\r\n\r\n" + start
            )
            assert status == 503
            assert headers["retry-after"]
            assert "too many uploads" in body
            assert server.service.budget.held == 1800
        until(lambda: server.service.budget.held == 0)
        assert server.client.get("/readyz").status_code == 200


def test_a_client_that_leaves_in_the_middle_is_no_error(small: Running) -> None:
    with logged() as log:
        with socket.create_connection(("127.0.0.1", small.port), timeout=600) as connection:
            connection.sendall(HEAD + b"Content-Length: 500\r\n\r\n--b\r\n")
        until(lambda: 'status="499"' in small.client.get("/metrics").text)
    assert small.service.budget.held == 0
    assert not log.getvalue()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/static/main.js", 200),
        ("GET", "/static/examples/synthetic-00001.png", 200),
        ("GET", "/static/../api.py", 404),
        ("GET", "/static/%2e%2e/api.py", 404),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/model", 200),
        ("GET", "/metrics", 200),
        ("HEAD", "/v1/model", 200),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/readyz", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/redoc", 404),
        ("GET", "/nothing", 404),
        ("GET", "/v1/predict", 405),
        ("POST", "/", 405),
        ("POST", "/healthz", 405),
        ("POST", "/openapi.json", 405),
        ("POST", "/static/main.js", 405),
        ("POST", "/v1/predict", 415),
    ],
)
def test_every_answer_has_the_security_headers(
    server: Running, method: str, path: str, status: int
) -> None:
    response = server.client.request(method, path)
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    assert "server" not in response.headers
    cached = "no-cache" if "etag" in response.headers else "no-store"
    assert response.headers["cache-control"] == cached
    if method == "HEAD":
        assert not response.content
        assert int(response.headers["content-length"]) > 0
    if status >= 400:
        assert response.json().keys() == {"detail"}
    if status == 405:
        allowed = {"POST"} if path == "/v1/predict" else {"GET", "HEAD"}
        assert set(response.headers["allow"].split(", ")) == allowed


def test_a_fault_of_the_server_says_nothing_of_its_inside(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(predictor) as server:
        monkeypatch.setattr(server.service, "model", lambda: 1 / 0)
        response = server.client.get("/v1/model")
    assert response.status_code == 500
    assert response.json() == {"detail": "the server failed; its log says why"}
    assert response.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]


def test_the_policy_allows_nothing_inline() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")


@pytest.mark.parametrize("name", PAGES.values())
def test_pages_have_nothing_inline_and_nothing_from_elsewhere(name: str) -> None:
    text = (STATIC / name).read_text()
    assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|<style", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    for address in re.findall(r"""(?:src|href)=["'](static/[^"']+)""", text):
        assert (STATIC.parent / address).is_file()


def test_scripts_never_make_html_of_text() -> None:
    scripts = list(STATIC.glob("*.js"))
    assert len(scripts) >= 5
    for script in scripts:
        words = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://"
        assert not re.search(words, script.read_text()), script.name


def test_examples_are_those_of_the_repository(tiles: dict[str, bytes]) -> None:
    shipped = list((STATIC / "examples").glob("*.png"))
    assert len(shipped) == 3
    assert all(path.read_bytes() == tiles[path.name] for path in shipped)


def test_the_description_names_all_addresses(server: Running) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert paths.keys() == {"/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics"}
    predict = paths["/v1/predict"]["post"]
    assert {"200", "408", "413", "415", "422", "500", "503"} <= predict["responses"].keys()
    assert [each["name"] for each in predict["parameters"]] == ["probabilities", "each"]
    assert "to 0.005" in predict["parameters"][0]["description"]


def test_one_connection_serves_again_after_a_refusal(server: Running) -> None:
    for _ in range(3):
        assert server.predict([("x.png", b"bad")]).status_code == 415
        assert server.predict([("x.png", pngs.good_tile())]).status_code == 200
