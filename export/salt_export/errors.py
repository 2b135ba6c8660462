"""What can go wrong in export, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── ExportError
        └── ParityError   the file does not compute what the network does; it is not published
"""

from __future__ import annotations

from salt_infer.errors import SaltError


class ExportError(SaltError):
    """A checkpoint cannot be exported."""


class ParityError(ExportError):
    """The exported file differs from the network by more than the tolerance."""
