"""Microseconds a tile under Python's lock, which no number of cores makes fewer.

A run with the null model in a process of its own, into which ``lock.c`` is loaded ahead of Python's
library: CPU time of all threads from taking the lock until letting it go, without what it takes to
look at the clock. Waiting for it does not count, and other programs on the machine lengthen it only
as they do all work, by emptying caches. In batches as CPUs get them, and as GPUs do.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import null

from salt_infer.backends.providers import BATCH, GPU_BATCH
from salt_infer.execution.request import DecodeIn
from salt_infer.job import job
from salt_infer.job.job import Job
from salt_infer.job.watcher import Watcher

SOURCE = Path(__file__).with_suffix(".c")
WORKERS = 2
PLACES: tuple[DecodeIn, ...] = ("threads", "processes")
WAYS = {
    f"{where}, batches of {size}": (where, size) for size in (BATCH, GPU_BATCH) for where in PLACES
}


class UnmeasurableError(Exception):
    """No compiler, or a Python whose lock cannot be watched."""


def measured(images: Path, rounds: int) -> dict[str, list[float]]:
    """Microseconds a tile by :data:`WAYS`, a number a round; the ways take turns.

    Raises:
        UnmeasurableError: it cannot be done here.
    """
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(Path(folder))
        command = [sys.executable, __file__, str(library), str(images), str(rounds)]
        done = subprocess.run(
            command, env=os.environ | {"LD_PRELOAD": str(library)}, stdout=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise UnmeasurableError(f"exit code {done.returncode}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    if not found:
        raise UnmeasurableError(
            "this Python is one file with its library: give one with a libpython.so"
        )
    return found


def compiled(folder: Path) -> Path:
    """The library, made by the C compiler that is there."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise UnmeasurableError("no C compiler (cc) is there")
    library = folder / "lock.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return library


def main(library: str, images: str, rounds: str) -> None:
    """In the process that is watched: print what was measured as JSON, nothing if it cannot be."""
    watch = ctypes.PyDLL(library)
    watch.lock_held_ns.restype = watch.lock_released.restype = ctypes.c_longlong
    before = watch.lock_released()
    os.stat(library)
    ways = WAYS if watch.lock_released() > before else {}
    with tempfile.TemporaryDirectory() as folder, null.loaded():
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(int(rounds) + 1):
            for way, (where, size) in ways.items():
                wanted = Job(Path(images), Path(folder) / "submission.csv", batch_size=size,
                             decode_workers=WORKERS, decode_in=where, overwrite=True)  # fmt: skip
                started = watch.lock_held_ns()
                tiles = job.run(wanted, Watcher()).tiles
                found[way].append((watch.lock_held_ns() - started) / 1e3 / tiles)
    print(json.dumps({way: each[1:] for way, each in found.items()}))  # the first warms up


if __name__ == "__main__":
    main(*sys.argv[1:])
