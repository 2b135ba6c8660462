"""How torch's threads wait for each other, which OpenMP reads once, when torch is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# OpenMP's own, GNU's (torch's builds for Linux) and LLVM's: whoever sets one of them has chosen.
_CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
_TURNS = 10_000  # GNU's own: 300,000


def spin_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let them sleep sooner where nobody has chosen.

    Threads that wait in a loop keep a core busy which the one that they wait for may need, beside
    other programs. As long as a core is theirs they are seldom kept for so many turns, and threads
    that slept at once would be slow to wake: ``docs/training.md`` has figures.
    """
    if not any(map(environment.get, _CHOSEN)):
        environment["GOMP_SPINCOUNT"] = str(_TURNS)
