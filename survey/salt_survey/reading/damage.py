"""What libraries raise where an array on the disk is damaged, as an error of a survey's own."""

from __future__ import annotations

import contextlib
import lzma
import zlib
from collections.abc import Callable, Iterator

from salt_infer.errors import one_line
from salt_infer.system import resource_limits
from salt_survey.errors import SurveyError

# Each codec and each kind of metadata has its own.
KINDS = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError, zlib.error,
    lzma.LZMAError,
)  # fmt: skip


@contextlib.contextmanager
def raised_as(error_of: Callable[[str], SurveyError]) -> Iterator[None]:
    """Raise a survey's error for what is damaged.

    Args:
        error_of: makes it of what was seen.

    Raises:
        SurveyError: as made.
    """
    try:
        yield
    except KINDS as error:
        if isinstance(error, RuntimeError) and resource_limits.limit(error):
            raise  # no fault of the file
        raise error_of(one_line(error)) from error
