"""What can go wrong in export, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── ExportError
        ├── OptionsError      what was asked for does not go together; a UsageError, too
        ├── CalibrationError  one way to measure int8's ranges fails; another is taken
        └── ParityError       the file does not compute what the network does; it is not published
"""

from __future__ import annotations

from salt_infer.errors import SaltError, UsageError


class ExportError(SaltError):
    """A checkpoint cannot be exported."""


class OptionsError(ExportError, UsageError):
    """What was asked for does not go together."""


class CalibrationError(ExportError):
    """No ranges for int8 can be found in one way of several."""


class ParityError(ExportError):
    """The exported file differs from the network by more than the tolerance."""
