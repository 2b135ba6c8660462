"""How torch's threads wait for each other, which OpenMP reads once, when torch is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# OpenMP's own, GNU's (torch's builds for Linux) and LLVM's: whoever sets one of them has chosen.
_CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def asleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let them sleep where nobody has chosen.

    Threads that wait in a loop keep a core busy which the one that they wait for may need: beside
    other programs a training with as many threads as cores was five times as slow so.
    """
    if not any(map(environment.get, _CHOSEN)):
        environment["OMP_WAIT_POLICY"] = "PASSIVE"
