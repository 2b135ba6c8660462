"""Run-length encoding beside the case study's loop: ``python benchmarks/rle.py``.

Both encode the same masks, in turn, in one process; the result file has every sample.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from salt_infer import rle
from salt_train import synthetic

TILES, REPEATS = 200, 7
RESULT = Path(__file__).parent / "results" / "rle.json"


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


def main() -> None:
    masks = synthetic.draw(TILES, seed=0).masks
    assert rle.encode(masks) == loop(masks)  # same strings, and both warm
    samples: dict[str, list[float]] = {"loop_s": [], "encode_s": []}
    for _ in range(REPEATS):
        samples["loop_s"].append(timed(loop, masks))
        samples["encode_s"].append(timed(rle.encode, masks))
    pairs = zip(samples["loop_s"], samples["encode_s"], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    result = {
        "machine": platform.machine(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "tiles": TILES,
        "same_strings": True,
        "ratio": ratio,
        **samples,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    rate = TILES / statistics.median(samples["encode_s"])
    print(f"rle.encode: {rate:,.0f} masks/s, {ratio:.1f}x the case study's loop, same strings")


if __name__ == "__main__":
    main()
