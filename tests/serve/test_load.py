"""A bounded load: nothing is lost, what is refused for want of room is answered later, and nothing
is kept. How fast it is, ``benchmarks/serve.py`` measures.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from salt_infer import SaltModel
from salt_infer.data import png
from salt_infer.masks import rle
from tests import pngs
from tests.serve.running import PATIENCE_S, started

CLIENTS, REQUESTS = 64, 2  # of each client in each round
PADDING = bytes(300_000)  # of each tile: were uploads kept, a round would show as 38 MB
TRIES = 60
ROUNDED = 10  # pixels on the edge that batches of other sizes may round otherwise


def padded(tile: bytes) -> bytes:
    """The same pixels in a larger file."""
    head = len(pngs.SIGNATURE) + len(pngs.header(101, 101, 8, 0))
    return tile[:head] + pngs.chunk(b"teSt", PADDING) + tile[head:]


def body(tile: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return head + padded(tile) + b"\r\n--b--\r\n"


def metric(port: int, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


def ask(port: int, bodies: list[bytes]) -> tuple[list[str], int]:
    """One client on one connection: its tiles' masks, and how often it had to come back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    masks, refused = [], 0
    for content in bodies:
        for _ in range(TRIES):
            headers = {"Content-Type": "multipart/form-data; boundary=b"}
            connection.request("POST", "/v1/predict", content, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 503:
                break
            refused += 1
            time.sleep(int(response.headers["Retry-After"]))
        assert response.status == 200, text
        masks.append(json.loads(text)["results"][0]["rle"])
    connection.close()
    return masks, refused


def settled(memory: list[float]) -> bool:
    """Whether a round has added less than a twentieth; fails where eight have each added more."""
    assert len(memory) < 8, memory
    return len(memory) > 2 and memory[-1] <= 1.05 * memory[-2]


@pytest.mark.slow
@pytest.mark.parametrize(("queue", "refuses"), [(512, False), (8, True)])
def test_sixty_four_clients_lose_nothing_and_leave_nothing(
    model: SaltModel, tiles: dict[str, bytes], queue: int, refuses: bool
) -> None:
    expected = model.predict(np.stack([png.decode(data) for data in tiles.values()])).masks
    bodies = [body(data) for data in tiles.values()]
    chosen = [[(client + i) % len(bodies) for i in range(REQUESTS)] for client in range(CLIENTS)]
    options = "--port 0 --threads 1 --grace 2 --no-access-log --max-files 1 --batch-size 8 --queue"
    command = [sys.executable, "-m", "salt_serve", *options.split(), str(queue)]
    memory, refused = [], 0
    with started(command) as port, ThreadPoolExecutor(CLIENTS) as clients:
        while not settled(memory):
            work = [[bodies[tile] for tile in each] for each in chosen]
            answers = clients.map(ask, [port] * CLIENTS, work)
            for each, (masks, times) in zip(chosen, answers, strict=True):
                refused += times
                for tile, mask in zip(each, masks, strict=True):
                    assert (rle.decode(mask) != expected[tile]).sum() <= ROUNDED
            memory.append(metric(port, "process_resident_memory_bytes"))
        assert metric(port, "salt_held_bytes") == 0
    assert (refused > 0) == refuses
