"""A request's body: read in pieces, in bounded time and size, or thrown away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from salt_serve.errors import DisconnectedError, TooLargeError, TooSlowError
from salt_serve.limits import Limits, Share

Answer = TypeVar("Answer")
# What is read and forgotten of a body that is refused.
FORGOTTEN_BODIES, FORGETTING_S = 4, 5.0


class Body:
    """The body of a request.

    Attributes:
        announced: bytes that the client says it has, None if it does not say.
        finished: all of it was read.
    """

    def __init__(self, request: Request, limits: Limits) -> None:
        self._receive, self._limits = request.receive, limits
        # Such a client waits for a word before it sends anything.
        self._waits = "100-continue" in request.headers.get("expect", "").lower()
        self._begun = self.finished = False
        length = request.headers.get("content-length", "")
        self.announced = int(length) if length.isdecimal() else None

    async def chunks(self, share: Share) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive.

        Args:
            share: of the memory, taken as they arrive: bytes that are only announced take none.

        Raises:
            TooLargeError: it has, or announces, more bytes than a request may have.
            BusyError: other requests have taken the room.
            TooSlowError: they did not arrive in time.
            DisconnectedError: the client has gone.
        """
        self._check(self.announced or 0)
        deadline = asyncio.get_running_loop().time() + self._limits.body_s
        while not self.finished:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await self._next()
            except TimeoutError as error:
                raise TooSlowError(
                    f"the body did not arrive within {self._limits.body_s:g} s"
                ) from error
            self._check(share.held + len(chunk))
            share.take(len(chunk))
            yield chunk

    async def answered(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """What comes of some work for the client, for as long as it is there.

        Args:
            work: to be done when the body was read; cancelled where the client goes.

        Raises:
            DisconnectedError: it has gone.
        """
        result, gone = asyncio.ensure_future(work), asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise DisconnectedError("the client closed the connection before it had an answer")
            return result.result()
        finally:
            for each in (result, gone):
                each.cancel()
            await asyncio.gather(result, gone, return_exceptions=True)

    async def _gone(self) -> None:
        """Wait until the client has gone: nothing else can follow a whole body."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def forget(self) -> None:
        """Read on without keeping anything, for a bounded while: many clients read no answer before
        they have written all, and closing on them would look like a broken connection.
        """
        left = self._limits.request_bytes * FORGOTTEN_BODIES
        if self._waits and not self._begun:
            return
        with contextlib.suppress(TimeoutError, DisconnectedError):
            async with asyncio.timeout(FORGETTING_S):
                while left > 0 and not self.finished:
                    left -= len(await self._next())

    async def _next(self) -> bytes:
        self._begun = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.finished = True
            raise DisconnectedError("the client closed the connection before it had sent all")
        self.finished = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def _check(self, size: int) -> None:
        if size > self._limits.request_bytes:
            raise TooLargeError(
                f"the request has more than {self._limits.request_bytes} bytes; send fewer or "
                "smaller files at once"
            )
