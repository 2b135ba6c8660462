"""``salt-serve`` under load, with and without batching: ``python benchmarks/serve.py``.

Servers are processes on this machine; clients are threads of this one, each with a connection that
it keeps, one tile a request. Every answer is compared with the first one for its tile, and none may
be missing. Before it is measured, each server has the greatest load for as long.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import record

TILES = Path(__file__).parents[1] / "examples" / "tiles"
CLIENTS = (1, 8, 64)
BATCH_SIZES = (1, 32)  # without and with batching
BOUNDARY = "salt"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@contextlib.contextmanager
def serving(batch_size: int) -> Iterator[int]:
    """A server's port."""
    command = ["salt_serve", "--port", "0", "--no-access-log", "--batch-size", str(batch_size)]
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout
        found = re.search(r":(\d+)/", server.stdout.readline())
        assert found
        try:
            yield int(found[1])
        finally:
            server.terminate()
            assert server.wait(60) == 0


def body(tile: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return head.encode() + tile + f"\r\n--{BOUNDARY}--\r\n".encode()


class Load:
    """Clients that ask one after another until the time is up."""

    def __init__(self, port: int, bodies: list[bytes], seconds: float) -> None:
        self.port, self.bodies = port, bodies
        self.deadline = time.perf_counter() + seconds
        self.lock = threading.Lock()
        self.latencies: list[float] = []
        self.asked = self.busy = self.lost = self.wrong = 0
        self.rle: dict[int, str] = {}

    def run(self, clients: int) -> None:
        threads = [threading.Thread(target=self._client, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        tile = number
        while time.perf_counter() < self.deadline:
            tile = (tile + 1) % len(self.bodies)
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/predict", self.bodies[tile], HEADERS)
                response = connection.getresponse()
                status, text = response.status, response.read()
            except (OSError, http.client.HTTPException):
                status, text = 0, b""
                connection.close()
            self._note(tile, status, text, time.perf_counter() - started)
        connection.close()

    def _note(self, tile: int, status: int, text: bytes, seconds: float) -> None:
        with self.lock:
            self.asked += 1
            if status == 503:
                self.busy += 1
            elif status != 200:
                self.lost += 1
            else:
                self.latencies.append(seconds)
                rle = json.loads(text)["results"][0]["rle"]
                self.wrong += far(self.rle.setdefault(tile, rle), rle)


def far(one: str, other: str) -> bool:
    """Whether masks differ by more than the rounding of batches of other sizes explains."""
    if one == other:
        return False
    from salt_infer.masks import rle

    return int((rle.decode(one) != rle.decode(other)).sum()) > 10


def counters(port: int) -> dict[str, float]:
    """What the server's metrics say, but for labels and histograms."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    pairs = (line.split(" ") for line in lines if line[:1] not in "#" and "{" not in line)
    return {name: float(value) for name, value in pairs}


def measure(port: int, bodies: list[bytes], clients: int, seconds: float) -> dict[str, Any]:
    before = counters(port)
    started = time.perf_counter()
    load = Load(port, bodies, seconds)
    load.run(clients)
    wall = time.perf_counter() - started
    after = counters(port)
    batches = after["salt_batch_tiles_count"] - before["salt_batch_tiles_count"]
    ordered = sorted(load.latencies)
    return {
        "clients": clients,
        "seconds": wall,
        "asked": load.asked,
        "answered": len(ordered),
        "busy": load.busy,
        "lost": load.lost,
        "wrong": load.wrong,
        "requests_per_s": len(ordered) / wall,
        "p50_s": ordered[len(ordered) // 2],
        "p99_s": ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)],
        "tiles_per_batch": len(ordered) / batches,
        "memory_mb": [each["process_resident_memory_bytes"] / 1e6 for each in (before, after)],
    }


def table(results: list[dict[str, Any]]) -> list[str]:
    """Markdown: a number of clients a row."""
    rows = [
        "| batches of up to | clients | requests/s | p50, ms | p99, ms | tiles a batch | lost "
        "| memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for found in results:
        before, after = found["memory_mb"]
        rows.append(
            f"| {found['batch_size']} | {found['clients']} | {found['requests_per_s']:.1f} "
            f"| {1000 * found['p50_s']:.1f} | {1000 * found['p99_s']:.1f} "
            f"| {found['tiles_per_batch']:.1f} | {found['lost']} | {before:.0f} to {after:.0f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each number of clients")
    parser.add_argument("--save", action="store_true", help="write results/serve.json")
    options = parser.parse_args()
    bodies = [body(path.read_bytes()) for path in sorted(TILES.glob("*.png"))]
    results = []
    for batch_size in BATCH_SIZES:
        with serving(batch_size) as port:
            Load(port, bodies, options.seconds).run(max(CLIENTS))  # the runtime's memory settles
            for clients in CLIENTS:
                result = measure(port, bodies, clients, options.seconds)
                results.append({"batch_size": batch_size, **result})
    lines = table(results)
    print(*lines, sep="\n")
    if options.save:
        record.save("serve", {"seconds": options.seconds, "table": lines, "results": results})
    if any(result["lost"] or result["wrong"] or not result["answered"] for result in results):
        sys.exit("requests were lost or answered wrongly")


if __name__ == "__main__":
    main()
