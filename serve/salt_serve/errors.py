"""Why a request, or one file of it, was not answered; each has an HTTP status.

::

    SaltError
    └── RequestError
        ├── TooSlowError        408  the body did not arrive in time
        ├── TooLargeError       413  too many bytes or files
        ├── WrongTypeError      415  not a form, or not a PNG
        ├── UnreadableError     422  a form or PNG, but not a sound one of a tile
        ├── DisconnectedError   499  the client has gone; nobody reads this
        └── BusyError           503  no room; Retry-After says when to come back
"""

from __future__ import annotations

from collections.abc import Mapping

from salt_infer.errors import SaltError

RETRY_AFTER_S = 1  # a full queue of the default length is some seconds of work


class RequestError(SaltError):
    """A request, or one file of it, was not answered; the message is a single line."""

    status: int = 400
    headers: Mapping[str, str] = {}


class TooSlowError(RequestError):
    """The body did not arrive in time."""

    status = 408


class TooLargeError(RequestError):
    """Too many bytes, or too many files."""

    status = 413


class WrongTypeError(RequestError):
    """Not a multipart form, or not a PNG."""

    status = 415


class UnreadableError(RequestError):
    """A query, form or PNG, but not a sound one, or not of a tile."""

    status = 422


class DisconnectedError(RequestError):
    """The client closed the connection before it had sent everything, or had its answer."""

    status = 499  # nginx's number; it only ever shows in the metrics


class BusyError(RequestError):
    """There is no room for this request now, or the server is stopping."""

    status = 503
    headers = {"Retry-After": str(RETRY_AFTER_S)}  # noqa: RUF012
