"""What clients are told whose requests do not end in the time that a stopping server gives them."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from salt_serve.errors import BusyError


class Stoppable:
    """An application that answers 503 when the server, at the end of its grace, cancels a request.
    uvicorn says in one line of the log how many it cancels; left to it, each would be a failure of
    the application: a traceback, and a 500 that is no JSON.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if not begun:  # otherwise the connection is cut, which shows that something is missing
                await _refusal()(scope, receive, send)


def _refusal() -> JSONResponse:
    error = BusyError("the server is stopping; try again")
    headers = {**error.headers, "Connection": "close"}
    return JSONResponse({"detail": str(error)}, error.status, headers)
