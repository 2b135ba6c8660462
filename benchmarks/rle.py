"""Run-length encoding beside the case study's loop: ``python benchmarks/rle.py``.

Both encode the same masks, in turn, in one process; the result file has every sample.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import click
import numpy as np
import record
from common import ratios

from salt_infer.masks import rle
from salt_train import synthetic

TILES, REPEATS = 200, 7


def loop(masks: np.ndarray) -> list[str]:
    """One mask, one pixel at a time, as the case study has it."""
    return [loop_one(mask) for mask in masks]


def loop_one(mask: np.ndarray) -> str:
    dots = np.where(mask.T.flatten() == 1)[0]
    run_lengths: list[int] = []
    previous = -2
    for dot in dots:
        if dot > previous + 1:
            run_lengths.extend((dot + 1, 0))
        run_lengths[-1] += 1
        previous = dot
    return " ".join(map(str, run_lengths))


def timed(work: Callable[[np.ndarray], list[str]], masks: np.ndarray) -> float:
    started = time.perf_counter()
    work(masks)
    return time.perf_counter() - started


def result(loop_s: Sequence[float], encode_s: Sequence[float]) -> dict[str, Any]:
    """What is stored: seconds for all masks, a sample a round, and what follows from them."""
    ratio = ratios.paired(loop_s, encode_s)
    return {
        "tiles": TILES,
        "same_strings": True,
        "ratios": ratios.to_json({"encode to loop": ratio}),
        "table": [
            "| way | masks/s | to the loop (least to most of a round) |",
            "|---|---|---|",
            f"| the case study's loop | {_rate(loop_s)} | |",
            f"| `rle.encode` | {_rate(encode_s)} | {ratio} |",
        ],
        "loop_s": list(loop_s),
        "encode_s": list(encode_s),
    }


def _rate(seconds: Sequence[float]) -> str:
    return f"{TILES / statistics.median(seconds):,.0f}"


@click.command()
def main() -> None:
    """Compare run-length encoders on the same masks."""
    masks = synthetic.draw(TILES, seed=0).masks
    assert rle.encode(masks) == loop(masks)  # same strings, and both warm
    loop_s, encode_s = [], []
    for _ in range(REPEATS):
        loop_s.append(timed(loop, masks))
        encode_s.append(timed(rle.encode, masks))
    found = result(loop_s, encode_s)
    record.save("rle", found, threads=1, repeats=REPEATS)
    print(*found["table"], sep="\n")


if __name__ == "__main__":
    main()
