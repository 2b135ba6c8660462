"""What every contender is asked, and the few lines that they would all have copied."""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

EDGE = 101
DEVICE = "SALT_PEERS_DEVICE"  # environment variable: cpu, to try the ways of a GPU without one


@dataclasses.dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        images: folder of PNGs.
        model: checkpoint, or file of the runtime.
        out: CSV to write, ``id,rle_mask``.
        threshold: a pixel is salt where its mean over both views is above this.
        gate: a mask is empty where the judge's mean over both views is not above this.
        batch_size: tiles run together; with two views the network sees twice as many.
        threads: that compute.
        mode: of contenders that know more than one way.
    """

    images: Path
    model: Path
    out: Path
    threshold: float
    gate: float
    batch_size: int
    threads: int
    mode: str = ""

    @classmethod
    def parse(cls) -> Self:
        """From the command line."""
        parser = argparse.ArgumentParser()
        for name in ("images", "model", "out"):
            parser.add_argument(f"--{name}", type=Path, required=True)
        for name in ("threshold", "gate"):
            parser.add_argument(f"--{name}", type=float, required=True)
        for name in ("batch-size", "threads"):
            parser.add_argument(f"--{name}", type=int, required=True)
        parser.add_argument("--mode", default="")
        return cls(**vars(parser.parse_args()))

    def arguments(self) -> list[str]:
        """The command line that gives this task."""
        pairs = dataclasses.asdict(self).items()
        return [word for name, value in pairs for word in _option(name, value)]

    @property
    def paths(self) -> list[Path]:
        """The tiles, sorted."""
        return sorted(self.images.glob("*.png"))


def device() -> str:
    """Where the ways of a GPU compute."""
    return os.environ.get(DEVICE, "cuda")


def place(asked: str) -> str:
    """Where what is asked to be on ``cpu`` or ``cuda`` computes."""
    return device() if asked == "cuda" else asked


def _option(name: str, value: object) -> tuple[str, ...]:
    return (f"--{name.replace('_', '-')}", str(value)) if value != "" else ()


@contextlib.contextmanager
def running() -> Iterator[None]:
    """From the first file read to the finished CSV; its seconds go to stdout as JSON."""
    started = time.perf_counter()
    yield
    print(json.dumps({"run_s": time.perf_counter() - started}), flush=True)


def decode(path: Path) -> npt.NDArray[np.uint8]:
    """Grey values of one tile, uint8 [101, 101]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def batches(paths: list[Path], size: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Tiles in batches, each with the place of its first: uint8 [N, 101, 101]."""
    for start in range(0, len(paths), size):
        yield start, np.stack([decode(path) for path in paths[start : start + size]])


def rle(mask: npt.NDArray[np.bool_]) -> str:
    """Run-length string of one mask: the vectorised encoder of many public kernels."""
    pixels = np.concatenate([[False], mask.T.ravel(), [False]])
    runs = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    runs[1::2] -= runs[::2]
    return " ".join(map(str, runs.tolist()))


def write(out: Path, paths: Iterable[Path], rows: Iterable[str]) -> None:
    """The submission."""
    with open(out, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "rle_mask"])
        writer.writerows((path.stem, row) for path, row in zip(paths, rows, strict=True))
