"""What can go wrong with surveys, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── UsageError
        └── SurveyError   the file is no survey that can be read, or does not say enough of itself
            └── ForeignError   it is no SEG-Y at all
"""

from __future__ import annotations

from salt_infer.errors import UsageError


class SurveyError(UsageError):
    """A survey cannot be read as asked; exit code 2, nothing is written."""


class ForeignError(SurveyError):
    """A file is no SEG-Y at all."""
