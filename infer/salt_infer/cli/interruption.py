"""Ctrl-C before a command has begun, while Python imports it."""

import sys
from types import TracebackType

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def be_quiet() -> None:
    """From here on an interruption that nobody handles ends the process without a traceback; all
    else is told as before.
    """
    before = sys.excepthook

    def told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt) and not _is_prompt():
            sys.exit(INTERRUPTED)
        before(kind, error, trace)

    sys.excepthook = told


def _is_prompt() -> bool:
    """Whether somebody types to Python itself, which an interruption must not end."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)
