from __future__ import annotations

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tqdm import tqdm

from salt_infer.system import terminal


@pytest.fixture
def ends() -> Iterator[tuple[int, IO[str]]]:
    """Both ends of a terminal, of size 0 until somebody says another; the far one to be stderr."""
    near, far = os.openpty()
    with open(far, "w", buffering=1) as stream:
        yield near, stream
    os.close(near)


def test_a_terminal_without_a_size_gets_the_usual_one(
    ends: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, stream = ends
    monkeypatch.setattr(sys, "stderr", stream)
    assert terminal.size() == {"ncols": 80, "nrows": 24}
    for told in ({}, terminal.size()):
        with tqdm(total=3, mininterval=0, **told) as bar:
            bar.update(3)
        stream.write("end")  # there is something to read in any case
        stream.flush()
        assert (b"3/3" in os.read(near, 1 << 16)) == bool(told)


def test_of_a_terminal_with_a_size_nothing_is_told(
    ends: tuple[int, IO[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stream = ends
    fcntl.ioctl(stream, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    monkeypatch.setattr(sys, "stderr", stream)
    assert terminal.size() == {}


@pytest.mark.parametrize("kind", ["file", "closed", "none"])
def test_without_a_terminal_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with open(tmp_path / "log", "w") as stream:
        if kind == "closed":
            stream.close()
        monkeypatch.setattr(sys, "stderr", None if kind == "none" else stream)
        assert terminal.size() == {}
