"""The terminal that progress is shown on."""

from __future__ import annotations

import os
import sys
from typing import Any

_USUAL = {"ncols": 80, "nrows": 24}


def size() -> dict[str, Any]:
    """What to tell tqdm of the size: the usual one on a terminal that does not know its own, as a
    container's may not, where tqdm draws nothing; nothing where it finds out by itself.
    """
    try:
        columns, _ = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # no terminal, or no stream at all
        return {}
    return {} if columns else dict(_USUAL)
