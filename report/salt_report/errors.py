"""What can go wrong in reports, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── ReportError   what was given is malformed, or does not belong together
"""

from __future__ import annotations

from salt_infer.errors import SaltError


class ReportError(SaltError):
    """What was given is malformed, or does not belong together."""
