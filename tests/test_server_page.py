"""The client of docs/server.md, beside the session that runs it: what it does where there is no
room, and with a file that is no tile.
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "server.md").read_text()
RESULTS = [
    {"name": "a.png", "status": 200, "rle": "1 3"},
    {"name": "b.png", "status": 415, "error": "not a PNG"},
]


class Busy(http.server.BaseHTTPRequestHandler):
    """Has no room at first."""

    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        first = len(self.bodies) == 1
        answer = json.dumps({"detail": "full"} if first else {"results": RESULTS}).encode()
        self.send_response(503 if first else 200)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Busy.bodies = []
    with http.server.HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_client_comes_again_where_there_was_no_room(port: int, tmp_path: Path) -> None:
    found = re.search(r"cat > client.py <<'END'\n(.*?)^END$", PAGE, flags=re.M | re.S)
    assert found
    (tmp_path / "client.py").write_text(found[1].replace("8080", str(port)))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    done = subprocess.run(
        [sys.executable, "client.py", "."], cwd=tmp_path, capture_output=True, text=True,
        check=True, env={},
    )  # fmt: skip
    assert done.stdout == "id,rle_mask\na,1 3\n"
    assert done.stderr == "b.png: not a PNG\n"
    first, again = Busy.bodies
    assert len(first) == len(again)
    assert again.count(b'name="files"; filename="') == 2
