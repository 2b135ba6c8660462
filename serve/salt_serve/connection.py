"""A client's connection: uvicorn's, but none is held open for nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from salt_serve.security import HEADERS

_CLOSE = (b"connection", b"close")
_HEAD_BYTES = 64 * 1024  # uvicorn's own limit
_LENGTHS = {b"content-length", b"transfer-encoding"}


class Parser(h11.Connection):
    """HTTP as it arrives, but for requests that say in two ways where they end: a proxy may have
    believed the other one, and what follows would be another client's (RFC 9112, 6.1).
    """

    def next_event(self) -> Any:
        """Raise RemoteProtocolError of such a request."""
        event = super().next_event()
        if isinstance(event, h11.Request) and {name for name, _ in event.headers} >= _LENGTHS:
            raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")
        return event


class Connection(H11Protocol):
    """uvicorn by itself waits for ever for the rest of a request's head, and takes connections
    until the system has no more. Here a head has a bounded time, and where there are too many
    connections, the one that has been waited for the longest makes room for the newest. Nor does it
    wait for ever for who does not read an answer, or take a request of two lengths.

    Attributes:
        head_s: seconds that a head has from the connection's begin or from the last answer's end.
        read_s: seconds that a client has to read what is left of its answer after that.
        most: connections at once.
    """

    head_s: ClassVar[float]
    read_s: ClassVar[float]
    most: ClassVar[int]
    _patience: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = Parser(h11.SERVER, _HEAD_BYTES)

    @property
    def idle(self) -> bool:
        """Whether no request is under way: none has come, or all have been answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def waits_until(self) -> float:
        """The event loop's time at which it is given up if it is still idle then."""
        return self._patience.when() if self._patience else 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.most:
            self._make_room()

    def shutdown(self) -> None:
        """Have an answer that is still to come say that it is the last: who keeps connections would
        send the next request into one that closes.
        """
        super().shutdown()
        if not self.idle:
            self.cycle.scope["headers"] = [*self.cycle.scope["headers"], _CLOSE]

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form that every other answer has."""
        if self.idle or not self.cycle.response_started:
            self.transport.write(_refusal(msg))
        self.transport.close()
        self._await_head()

    def _await_head(self) -> None:
        """Or, on a connection that is closing, that the client reads its answer."""
        self._stop_waiting()
        seconds = self.read_s if self.transport.is_closing() else self.head_s
        self._patience = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience:
            self._patience.cancel()

    def _give_up(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
        elif self.idle:
            self.transport.close()
            self._await_head()

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, Connection)]
        idle = [each for each in others if each.idle or each.transport.is_closing()]
        idle.sort(key=lambda each: (not each.transport.is_closing(), each.waits_until))
        for each in idle[: len(others) - self.most]:  # this one comes last, if it has to be
            each._give_up()


def _refusal(reason: str) -> bytes:
    body = json.dumps({"detail": reason}, separators=(",", ":"))
    headers = HEADERS | {
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
    }
    lines = ["HTTP/1.1 400 Bad Request", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", body]).encode("ascii")
