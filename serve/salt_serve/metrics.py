"""What the server counts, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Collection

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Labels have to be few: a path or method that a client makes up is "other".
METHODS = {"GET", "HEAD", "POST"}
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
TILES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter(
            "salt_requests", "Requests answered.", ["path", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "salt_request_seconds", "From a request's head to the end of its answer.", ["path"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.tiles = Counter(
            "salt_tiles", "Files, by the status of their result.", ["status"], registry=registry
        )
        self.batch_tiles = Histogram(
            "salt_batch_tiles", "Tiles run together.", buckets=TILES, registry=registry
        )
        self.batch_seconds = Histogram(
            "salt_batch_seconds", "The model's time for a batch.", buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.queue = Gauge("salt_queue_tiles", "Tiles that wait for the model.", registry=registry)
        self.held = Gauge("salt_held_bytes", "Upload bytes in memory.", registry=registry)
        self.model = Gauge(
            "salt_model_info", "Which model.", ["file", "sha256", "provider"], registry=registry
        )

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)


class Counted:
    """An application whose requests are counted."""

    def __init__(self, app: ASGIApp, metrics: Metrics, addresses: Collection[str]) -> None:
        """``addresses``: of which it has something; what ends in a slash has more below it."""
        self._app, self._metrics = app, metrics
        self._addresses = {each for each in addresses if len(each) == 1 or each[-1] != "/"}
        self._folders = [each for each in addresses if each not in self._addresses]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            path, method = self._label(scope["path"]), scope["method"]
            method = method if method in METHODS else "other"
            self._metrics.requests.labels(path, method, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started)

    def _label(self, path: str) -> str:
        if path in self._addresses:
            return path
        below = (each.rstrip("/") for each in self._folders if path.startswith(each))
        return next(below, "other")
