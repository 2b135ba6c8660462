"""The command as a process: start, stop, and what it says when it cannot."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from salt_infer import SaltModel
from salt_infer.data import png
from salt_infer.masks import rle
from salt_infer.models import default_model
from salt_serve import server
from salt_serve.cli import cli
from tests import pngs

BOUNDARY = b"b"
BODY = (
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    + pngs.good_tile()
    + b"\r\n--b--\r\n"
)


def start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    """A server on a free port, and that port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "salt_serve", "--port", "0", "--threads", "1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    line = process.stdout.readline()
    found = re.fullmatch(r"salt-serve: http://127\.0\.0\.1:(\d+)/ \(Ctrl-C stops\)\n", line)
    assert found, line
    return process, int(found[1])


def fails(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "salt_serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stdout
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_what_is_in_flight(number: signal.Signals) -> None:
    process, port = start()
    with process:
        with socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
            connection.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: x\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n"
                b"Content-Length: %d\r\n\r\n" % len(BODY)
            )
            connection.sendall(BODY[:100])
            _wait_until_ready(port)
            process.send_signal(number)
            _wait_until_refused(port)
            connection.sendall(BODY[100:])
            raw = b"".join(iter(lambda: connection.recv(65536), b""))
        assert process.wait(600) == 0
        assert process.stderr
        errors = process.stderr.read()
    assert raw.startswith(b"HTTP/1.1 200")
    tile = png.decode(pngs.good_tile())
    assert f'"rle":"{rle.encode(SaltModel.load().predict(tile[None]).masks)[0]}"' in raw.decode()
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_request_that_never_ends_does_not_hold_up_the_end() -> None:
    process, port = start("--grace", "1", "--no-access-log")
    with process, socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        connection.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        _wait_until_ready(port)
        process.terminate()
        assert connection.recv(65536).startswith(b"HTTP/1.1 503")
        assert process.wait(600) == 0
        assert process.stdout
        assert process.stderr
        assert "healthz" not in process.stdout.read()
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_who_does_not_want_to_wait_says_so_twice() -> None:
    process, port = start()
    with process, socket.create_connection(("127.0.0.1", port), timeout=600) as connection:
        connection.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        )
        _wait_until_ready(port)
        process.send_signal(signal.SIGINT)
        _wait_until_refused(port)
        process.send_signal(signal.SIGINT)
        assert process.wait(600) == 0
        assert connection.recv(65536).startswith(b"HTTP/1.1 503")
        assert process.stderr
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_it_runs_on_what_it_is_told_to() -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed: extra openvino")
    process, port = start(
        "--provider", "openvino", "--tta", "none", "--threshold", "0.37", "--gate", "0.02"
    )
    with process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request("GET", "/v1/model")
        told = json.loads(connection.getresponse().read())
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        connection.request("POST", "/v1/predict?probabilities=true", BODY, headers)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        process.terminate()
        assert process.wait(600) == 0
        process.communicate()
    assert told["provider"].startswith("OpenVINO")
    assert [told["threshold"], told["gate"], told["tta"]] == [0.37, 0.02, "none"]
    tile = png.decode(pngs.good_tile())
    model = SaltModel.load(threshold=0.37, gate=0.02, tta="none", provider="openvino")
    assert 0.37 in answer["levels"]
    assert answer["results"][0]["rle"] == rle.encode(model.predict(tile[None]).masks)[0]


def test_what_cannot_run_is_refused_before_it_listens() -> None:
    code, errors = fails("--provider", "cuda")
    assert code == 1
    assert errors.startswith("salt-serve: ")
    assert "cuda" in errors
    assert fails("--provider-option", "x=1")[0] == 2


def test_help_tells_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(cli, ["--help"]).output.split())
    assert "Write a line for each request. [default: access-log]" in text
    assert "told to stop. [default: 30; 0<=x<=3600]" in text


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, errors = fails("--port", port)
    assert code == 2
    expected = f"salt-serve: port {port} of 127.0.0.1 cannot be opened (Address already in use)"
    assert errors.startswith(expected)
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "nowhere.onnx"], 2, "nowhere.onnx does not exist; expected a file from"),
        (["--queue", "3"], 2, "the queue holds 3 tiles and a request may have 64"),
        (["--port", "70000"], 2, "70000 is not in the range"),
        (["--host", "256.1.1.1.", "--port", "0"], 2, "256.1.1.1. is no address of this machine"),
        (["--host", "192.0.2.1"], 2, "port 8080 of 192.0.2.1 cannot be opened (Cannot assign"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(
    arguments: list[str], code: int, message: str
) -> None:
    found, errors = fails(*arguments)
    assert found == code
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_another_model_can_be_served() -> None:
    dense = default_model().with_name("default.onnx")
    process, port = start("--model", str(dense))
    with process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        connection.request("GET", "/v1/model")
        assert '"file":"default.onnx"' in connection.getresponse().read().decode()
        connection.close()
        process.terminate()
        assert process.wait(600) == 0


def _wait_until_ready(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", "/readyz")
    assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.close()


def _wait_until_refused(port: int) -> None:
    for _ in range(60_000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError("it still takes connections")


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio sets TCP_NODELAY on what a socket accepts only if that says that it is TCP."""
    with server.listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP
        assert server.address(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}/"
