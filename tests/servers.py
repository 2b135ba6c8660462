"""A web server and a bucket on this machine, for what is read through fsspec."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}


class Web(http.server.SimpleHTTPRequestHandler):
    """A folder with its listings. What a file called ``*.endless.png`` holds never ends."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if self.path.endswith(".endless.png"):
            self._endless()
        elif path.is_file():
            self._part(path)
        else:
            super().do_GET()

    def _part(self, path: Path) -> None:
        data = path.read_bytes()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted else 0
        last = min(int(wanted[2]) if wanted and wanted[2] else len(data), len(data) - 1)
        if wanted and first >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(data[first : last + 1])

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader has had enough
            while True:
                self.wfile.write(bytes(65536))

    def log_message(self, format: str, *args: object) -> None:
        pass


class Flaky(Web):
    """Fails once for each path with a dot, or always where that holds ``broken``."""

    seen: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        first = self.path not in self.seen
        self.seen.add(self.path)
        if "." in self.path and (first or "broken" in self.path):
            self.send_error(503)
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if "broken" in self.path:
            self.send_error(503)
        else:
            super().do_HEAD()


class Whole(Web):
    """Gives no parts of files."""

    def _part(self, path: Path) -> None:
        self._send(path.read_bytes())

    def _send(self, data: bytes, length: bool = True) -> None:
        self.send_response(200)
        if length:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader has had enough
            self.wfile.write(data)


class Unmeasured(Whole):
    """Nor does it say how long they are."""

    def do_HEAD(self) -> None:
        self._send(b"", False)

    def _part(self, path: Path) -> None:
        self._send(path.read_bytes(), False)


class BrokenOff(Web):
    """Closes the connection before all of a file is sent."""

    def _part(self, path: Path) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 0-99/{path.stat().st_size}")
        self.send_header("Content-Length", "100")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"PK")


class Stuck(Web):
    """Does not answer for ``*.stuck.png`` before it is released."""

    asked, released = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        if self.path.endswith(".stuck.png"):
            self.asked.set()
            self.released.wait(600)
        with contextlib.suppress(OSError):  # who asked has gone
            super().do_GET()


class Bucket(Web):
    """Folders as buckets: of S3's protocol what listing and reading need."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if "list-type" in query:
            self._list(unquote(url.path).strip("/"), query.get("prefix", [""])[0])
        else:
            super().do_GET()

    def _list(self, bucket: str, prefix: str) -> None:
        root = Path(self.directory) / bucket
        if not root.is_dir():
            self._xml(404, "<Error><Code>NoSuchBucket</Code></Error>")
            return
        found = ((str(path.relative_to(root)), path) for path in sorted(root.rglob("*")))
        rows = [
            f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
            "<LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>e</ETag></Contents>"
            for key, path in found
            if path.is_file() and key.startswith(prefix)
        ]
        self._xml(
            200,
            f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(rows)}</KeyCount>"
            f"<IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>",
        )

    def _xml(self, code: int, body: str) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


@contextlib.contextmanager
def serving(folder: Path, handler: type[Web] = Web) -> Iterator[str]:
    """Its address, while the folder is served."""
    answer = partial(handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
