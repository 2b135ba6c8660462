"""What a process does that decodes tiles for another: it ends when the other does."""

from __future__ import annotations

import mmap
import signal
from multiprocessing.connection import Connection

import numpy as np
import numpy.typing as npt

from salt_infer.batch.result import Cancel
from salt_infer.execution.decoding import Group, decode_group
from salt_infer.masks.rle import TILE_SHAPE

TILE_BYTES = TILE_SHAPE[0] * TILE_SHAPE[1]


def main(socket: int, memory: int) -> None:
    """Serve until the other end is closed, by whatever closed it.

    Args:
        socket: descriptor. A None goes out first: this process is ready. Then a number and a
            source come in, and that group goes out, with its pixels left in the memory.
        memory: descriptor of what both share.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both, and is the other's matter
    into = tiles_in(mmap.mmap(memory, 0))
    with Connection(socket) as other:
        try:
            other.send(None)
            while True:
                number, source = other.recv()
                decoded = decode_group(source, Group(number, source.tiles), Cancel(), into)
                other.send(decoded._replace(tiles=into[:0]))
        except (EOFError, OSError):
            return


def tiles_in(shared: mmap.mmap) -> npt.NDArray[np.uint8]:
    """Memory as uint8 [N, 101, 101]."""
    count = len(shared) // TILE_BYTES
    return np.frombuffer(shared, np.uint8, count * TILE_BYTES).reshape(count, *TILE_SHAPE)
