"""A network of its own for a process, with a name server that knows nothing and notes who asks.

As a script: ``python alone.py QUESTIONS COMMAND...``, inside ``unshare --net --mount``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

_SIOCSIFFLAGS, _UP_AND_RUNNING = 0x8914, 0x41
_NAME = 12  # offset of the name in a question
_NO_SUCH_NAME = b"\x81\x83"


def unshared() -> list[str]:
    """What a command is put behind to be alone; the test is skipped where that cannot be."""
    how = ["unshare", "--net", "--mount"] + (["--map-root-user"] if os.geteuid() else [])
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare to make a network of its own with")
    tried = subprocess.run([*how, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no network of its own can be made here: {tried.stderr.strip()}")
    return how


def command(questions: Path, asked: Sequence[str]) -> list[str]:
    """A command line that runs another alone; names that are asked for go to a file."""
    return [*unshared(), sys.executable, __file__, str(questions), *asked]


def _answer(server: socket.socket, questions: Path) -> None:
    while True:
        question, sender = server.recvfrom(600)
        with open(questions, "ab") as file:
            file.write(question[_NAME:].partition(b"\0")[0] + b"\n")
        answer = question[:2] + _NO_SUCH_NAME + question[4:6] + bytes(6) + question[_NAME:]
        server.sendto(answer, sender)


def _main(questions: Path, asked: list[str]) -> int:
    with socket.socket() as any_socket:
        up = struct.pack("16sH14s", b"lo", _UP_AND_RUNNING, b"")
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, up)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    settings = questions.with_suffix(".resolv")
    settings.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--bind", settings, "/etc/resolv.conf"], check=True)
    threading.Thread(target=_answer, args=(server, questions), daemon=True).start()
    return subprocess.run(asked, check=False).returncode


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2:]))
