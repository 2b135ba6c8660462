"""Behind a proxy: addresses as the proxy may hand them on, and the prefix that clients see."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from salt_infer.errors import InputError

PREFIX = "salt.prefix"  # of a scope: what clients have to put before an address
_FORM = re.compile(r"(/[A-Za-z0-9._~-]+){1,16}")
_LONGEST = 200
# Servers have to accept addresses in the absolute form (RFC 9112, 3.2.2), as some proxies send.
_ORIGIN = re.compile(r"^https?://[^/]*", re.IGNORECASE)


def parse(text: str) -> str:
    """A prefix, without the slash at its end; empty for ``/``.

    Raises:
        InputError: it is no path.
    """
    prefix = text.rstrip("/")
    if prefix and not _is_prefix(prefix):
        raise InputError(f"root path is {text[:100]!r}, expected a path such as /salt")
    return prefix


class Prefixed:
    """An application at each of its addresses with or without the prefix, as a proxy takes it off
    or leaves it, with a slash at the end or slashes doubled, or after a scheme and host. An address
    stays one where the prefix begins as it does.

    No answer names the server's own scheme, host or port, which a proxy hides: redirects are
    relative, and answers do not depend on ``X-Forwarded-Proto`` and ``-Host``. A proxy's
    ``X-Forwarded-Prefix`` counts where there is no prefix of its own.
    """

    def __init__(
        self, app: ASGIApp, prefix: str, pages: Collection[str], addresses: Collection[str]
    ) -> None:
        """``pages`` are addresses whose links are relative: with a slash they lead elsewhere.
        ``addresses`` are all others; one that ends in a slash is a folder's.
        """
        self._app, self._prefix, self._pages = app, prefix, pages
        folders = tuple(each for each in addresses if each.endswith("/"))
        self._exact, self._folders = {*pages, *addresses}, folders

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        prefix = self._prefix or _forwarded(Headers(scope=scope))
        path = _ORIGIN.sub("", scope["path"]) or "/"
        below = self._below(path, prefix)
        clean = _clean(below)
        if elsewhere := self._elsewhere(path, below, clean):
            await Response(None, 307, {"Location": elsewhere})(scope, receive, send)
            return
        await self._app({**scope, "path": clean, PREFIX: prefix}, receive, send)

    def _below(self, path: str, prefix: str) -> str:
        """An address without the prefix, if it has it and is not one of ours with it alone."""
        if not f"{path}/".startswith(f"{prefix}/"):
            return path
        rest = path.removeprefix(prefix)
        return rest if (rest and self._knows(rest)) or not self._knows(path) else path

    def _knows(self, path: str) -> bool:
        clean = _clean(path)
        return clean in self._exact or clean.startswith(self._folders)

    def _elsewhere(self, path: str, below: str, clean: str) -> str:
        """Where a page's links lead to its parts, if not here; relative to here."""
        name = clean.rpartition("/")[2]
        if path and not below:  # the prefix alone
            return f"{path.rpartition('/')[2]}/"
        slashes = len(below) - len(below.rstrip("/"))
        return "../" * slashes + name if name and slashes and clean in self._pages else ""


def _clean(path: str) -> str:
    return "/" + "/".join(filter(None, path.split("/")))


def _forwarded(headers: Headers) -> str:
    """What a proxy says that it has taken off; empty if that is nothing, or no prefix."""
    prefix = headers.get("x-forwarded-prefix", "").partition(",")[0].strip().rstrip("/")
    return prefix if _is_prefix(prefix) else ""


def _is_prefix(text: str) -> bool:
    return len(text) <= _LONGEST and bool(_FORM.fullmatch(text)) and "/.." not in text
