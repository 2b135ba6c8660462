"""What can go wrong in reports, on top of :mod:`salt_infer.errors`.

::

    SaltError
    └── ReportError   what was given is malformed, or does not belong together
"""

from __future__ import annotations

from collections.abc import Sequence

from salt_infer.errors import SaltError
from salt_infer.system.text import shown

SHOWN = 10  # faults and ids that a message names


class ReportError(SaltError):
    """What was given is malformed, or does not belong together."""


def named(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = [f"and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else []
    return ", ".join([*map(shown, ids[:SHOWN]), *more])


def listed(faults: Sequence[tuple[str, str]]) -> str:
    """The first faults, a line each, and how many more there are; (id, what is wrong) each."""
    more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
    lines = [f"{shown(name)}: {what}" for name, what in faults[:SHOWN]]
    return "".join(f"\n    {line}" for line in lines + more)
