"""A model that takes no time, and the command with it in a process of its own.

What it says of a tile depends on the whole batch that the tile is in, as it may with a real one in
the last bit: a run that is resumed must cut the same batches.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from salt_infer.batch.result import BatchResult
from salt_infer.data import png
from salt_infer.predictor.model import SaltModel

Told = Callable[[npt.NDArray[np.uint8]], None]


def answer(tiles: npt.NDArray[np.uint8], gate: float) -> BatchResult:
    """Salt where a tile is darker than its batch; a tile's salt is its brightness."""
    values = tiles.astype(np.float32) / 255
    salt = values[:, 0].mean(axis=(1, 2))
    kept = np.flatnonzero(salt > gate)
    return BatchResult(np.abs(values[kept] - values.mean()), salt, kept)


def loading(told: Told) -> Callable[..., SaltModel]:
    """In place of ``SaltModel.load``: the shipped model, but for what it says."""
    load = SaltModel.load

    def loaded(*arguments: object, **settings: object) -> SaltModel:
        model = load(*arguments, **settings)  # type: ignore[arg-type]

        def run(tiles: npt.NDArray[np.uint8], gate: float, cancel: object = None) -> BatchResult:
            told(tiles)
            return answer(tiles, gate)

        model.session.run = run  # type: ignore[assignment]
        return model

    return loaded


def patch(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Use it in this process; gives the tiles of each batch that it runs."""
    batches: list[int] = []
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


def install(log: str, seconds: float) -> None:
    """Use it in this process from now on: it notes each batch in ``log`` before it is run, with
    the number of the process, and takes so long.
    """
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def told(tiles: npt.NDArray[np.uint8]) -> None:
        names = " ".join(f"{zlib.crc32(tile.tobytes()):08x}" for tile in tiles)
        os.write(file, f"{os.getpid()} {names}\n".encode())
        time.sleep(seconds)

    SaltModel.load = loading(told)  # type: ignore[method-assign]


def main() -> None:
    """``LOG SECONDS ARGUMENTS``: the command, with the model installed."""
    install(sys.argv[1], float(sys.argv[2]))
    del sys.argv[1:3]
    from salt_infer.cli.infer import main as command

    command()
