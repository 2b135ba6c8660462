"""A process that decodes tiles for this one."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import subprocess
import sys
from multiprocessing.connection import Connection, Pipe

from salt_infer.data.source import TileSource
from salt_infer.execution.decode_child import TILE_BYTES, main, tiles_in
from salt_infer.execution.decoding import Decoded

START_S = 60.0  # for it to begin: a busy machine takes some seconds
PATIENCE_S = 1.0  # for it to end

# Not by multiprocessing: that would import the program's own main module, which may be anything and
# takes longer than all that is needed. Not by a fork: this process has threads, and maybe a GPU.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {main.__module__} import main; main(int(sys.argv[2]), int(sys.argv[3]))"
)


class DecodeProcess:
    """For one thread at a time; :meth:`kill` may be called from any.

    Tiles come back in memory that both share and that has no name: nothing is left of it, however
    either of them ends.
    """

    def __init__(self, tiles: int) -> None:
        """Start it, to be :meth:`ready` later.

        Args:
            tiles: that a group has at most.

        Raises:
            OSError: this system does not let it, or has no such memory.
        """
        if not sys.executable or not hasattr(os, "memfd_create"):
            raise OSError("no interpreter to start, or no memory to share")
        with contextlib.ExitStack() as stack:
            memory = os.memfd_create("salt-infer")
            stack.callback(os.close, memory)
            os.ftruncate(memory, tiles * TILE_BYTES)
            self._tiles = tiles_in(mmap.mmap(memory, 0))
            self._connection, theirs = Pipe()
            with theirs:
                self._process = _started(theirs, memory)

    def ready(self) -> bool:
        """Wait until it has imported what it needs; False if it ended instead, or hangs."""
        try:
            if not self._connection.poll(START_S):
                return False
            self._connection.recv()
        except (EOFError, OSError):
            return False
        return True

    def decode(self, number: int, source: TileSource) -> Decoded:
        """All of a source's tiles, as a group of that number.

        Raises:
            EOFError, OSError: it has ended.
        """
        self._connection.send((number, source))
        decoded: Decoded = self._connection.recv()
        return decoded._replace(tiles=self._tiles[: len(decoded.ids)].copy())

    def kill(self) -> None:
        """End it in the middle of whatever it does; who waits for it gets EOFError."""
        self._process.kill()

    def close(self) -> None:
        """End it and give back what is open; nobody waits for it any more."""
        self.kill()
        self._connection.close()
        self._tiles = self._tiles[:0].copy()  # the last that holds the memory
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that the kernel holds fast
            self._process.wait(PATIENCE_S)


def _started(socket: Connection, memory: int) -> subprocess.Popen[bytes]:
    descriptors = (socket.fileno(), memory)
    command = [sys.executable, "-c", _CODE, json.dumps(sys.path), *map(str, descriptors)]
    # What it fails at is tried again here, and told by whoever is used to telling.
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 (our own module)
        command, stdin=nowhere, stdout=nowhere, stderr=nowhere, pass_fds=descriptors,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
