"""Libraries that tell their own authors how they get on."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quieted(logger: str | None = None) -> Iterator[None]:
    """Let nothing below an error through of what is printed or logged meanwhile.

    Args:
        logger: what is logged on; the root logger, which ONNX Runtime takes, if None.
    """
    logs = logging.getLogger(logger)
    level = logs.level
    logs.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logs.setLevel(level)
