"""Ctrl-C before a command has begun, while Python imports it."""

import sys
from types import TracebackType

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def be_quiet() -> None:
    """From here on an interruption that nobody handles ends the process without a traceback."""
    sys.excepthook = _told


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    sys.__excepthook__(kind, error, trace)
