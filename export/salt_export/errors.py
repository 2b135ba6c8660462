"""What can go wrong in export, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── ExportError
        ├── RequestError  what was asked for does not go together; exit code 2
        └── ParityError   the file does not compute what the network does; it is not published
"""

from __future__ import annotations

from salt_infer.errors import SaltError


class ExportError(SaltError):
    """A checkpoint cannot be exported."""


class RequestError(ExportError):
    """What was asked for does not go together; exit code 2."""

    exit_code = 2


class ParityError(ExportError):
    """The exported file differs from the network by more than the tolerance."""
