"""A model that takes no time, and the command with it in a process of its own.

What it says of a tile depends on the whole batch that the tile is in, as it may with a real one in
the last bit: a run that is resumed must cut the same batches.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.backends import selection
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_infer.batch.result import BatchResult, Cancel
from salt_infer.data import png
from salt_infer.errors import ModelError
from salt_infer.predictor.model import SaltModel

Told = Callable[[npt.NDArray[np.uint8]], None]
_sessions: dict[tuple[object, ...], ModelSession] = {}


def answer(tiles: npt.NDArray[np.uint8], gate: float) -> BatchResult:
    """Salt where a tile is darker than its batch; a tile's salt is its brightness."""
    values = tiles.astype(np.float32) / 255
    salt = values[:, 0].mean(axis=(1, 2))
    kept = np.flatnonzero(salt > gate)
    return BatchResult(np.abs(values[kept] - values.mean()), salt, kept)


def named(tiles: npt.NDArray[np.uint8]) -> str:
    """Tiles of a batch, uint8 [N, 101, 101], as the log has them."""
    return " ".join(f"{zlib.crc32(tile.tobytes()):08x}" for tile in tiles)


def loading(told: Told, most: int | None = None) -> Callable[..., SaltModel]:
    """In place of ``SaltModel.load``: the shipped model, but for what it says.

    Args:
        told: given uint8 [N, V, 101, 101] of each batch before it is run, by the thread that does.
        most: batches that it runs; what comes after these stays in it until it is cancelled.
    """
    load, number = SaltModel.load, itertools.count(1)

    def loaded(*arguments: object, **settings: object) -> SaltModel:
        model = load(*arguments, **settings)  # type: ignore[arg-type]

        def run(
            tiles: npt.NDArray[np.uint8], gate: float, cancel: Cancel | None = None
        ) -> BatchResult:
            if most is not None and next(number) > most:
                assert cancel is not None
                wait_for(cancel)
            told(tiles)
            return answer(tiles, gate)

        model.session.run = run  # type: ignore[assignment]
        return model

    return loaded


def wait_for(cancel: Cancel) -> NoReturn:
    """As a model does that is in the middle of a batch for good."""
    cancelled = threading.Event()
    with cancel.ends(cancelled.set):
        cancelled.wait()
    raise ModelError("the run was given up")


def patch(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Use it in this process; gives the tiles of each batch that it runs.

    The file below it, of which only the contract matters then, is loaded once.
    """
    batches: list[int] = []
    opened = selection.ModelSession

    def kept(path: Path, *plan: Any, **more: Any) -> ModelSession:
        written = path.stat().st_mtime_ns if path.exists() else 0
        key = (path, written, *plan, *more.items())
        if key not in _sessions:
            _sessions[key] = opened(path, *plan, **more)
        return _sessions[key]

    monkeypatch.setattr(selection, "ModelSession", kept)
    load = loading(lambda tiles: batches.append(len(tiles)))
    monkeypatch.setattr(SaltModel, "load", load)
    return batches


def draw(folder: Path, count: int) -> Path:
    """A folder of so many tiles, no two alike, of all brightnesses."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        tile = random.integers(0, 16, (101, 101)) * random.integers(1, 17)
        (folder / f"tile-{number:04d}.png").write_bytes(png.encode(tile.astype(np.uint8)))
    return folder


def install(log: str, seconds: float, most: int | None = None) -> None:
    """Use it in this process from now on: it notes each batch in ``log`` before it is run, with
    the number of the process, and takes so long. Those that are begun at once, a thread each, are
    noted in any order.
    """
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def told(tiles: npt.NDArray[np.uint8]) -> None:
        os.write(file, f"{os.getpid()} {named(tiles[:, 0])}\n".encode())
        time.sleep(seconds)

    SaltModel.load = loading(told, most)  # type: ignore[method-assign]


def main(most: int | None = None) -> None:
    """``LOG SECONDS ARGUMENTS``: the command, with the model installed; see :func:`loading`."""
    install(sys.argv[1], float(sys.argv[2]), most)
    del sys.argv[1:3]
    from salt_infer.cli.infer import main as command

    command()
