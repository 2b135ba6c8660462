"""``salt-train`` as a shell calls it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from salt_infer.cli import console
from salt_train.cli.train import cli

Main = Callable[..., int]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Iterator[Main]:
    """Calls the command as a shell would; returns the exit code."""

    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["salt-train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            console.run(cli)
        return int(ended.value.code or 0)

    handler = signal.getsignal(signal.SIGTERM)
    yield call
    signal.signal(signal.SIGTERM, handler)
