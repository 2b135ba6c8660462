"""Libraries that decode PNG tiles: ``python benchmarks/decode.py --images test.zip``.

Every library gives 8-bit grey pixels of the same files, from memory, and is compared with
``salt-infer`` tile by tile; those that are not installed are listed as such. None but
``salt-infer`` checks a file first (bounded size, accepted kinds, checksums, a whole image), so each
stands here twice: alone, and after the checks that it would still need. Two threads against one,
and whether other threads ever run while a tile is decoded, show if a library gives up the
interpreter's lock.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import record
import tilesets
from common import decoders, rounds
from common.decoders import Decode, Pixels

from salt_infer.data import png

ONE, TWO = "one thread", "two threads"
HOURS_S, WAKE_S = 10_000.0, 0.002
LOOKS = 50  # files that `interrupted` looks at


def different(decode: Decode, files: Sequence[bytes], expected: Sequence[Pixels]) -> int:
    """Tiles whose pixels are not the expected ones."""
    pairs = zip(map(decode, files), expected, strict=True)
    return sum(not np.array_equal(found, pixels) for found, pixels in pairs)


def _all(decode: Decode, files: Sequence[bytes]) -> None:
    for data in files:
        decode(data)


def threaded(pool: ThreadPoolExecutor, decode: Decode, files: Sequence[bytes]) -> None:
    """A half for each of two threads."""
    list(pool.map(functools.partial(_all, decode), (files[::2], files[1::2])))


def interrupted(decode: Decode, files: Sequence[bytes]) -> int:
    """How many times another thread, which waits for nothing but the interpreter's lock, got to run
    while a file was decoded: 0 where the lock is never given up. This does not depend on how busy
    the machine is, as the speed of two threads does.
    """
    before, count = sys.getswitchinterval(), 0
    sys.setswitchinterval(HOURS_S)  # nobody is made to give the lock up
    try:
        for data in files:
            gate, ran = threading.Lock(), threading.Event()
            with gate:
                other = threading.Thread(target=lambda g=gate, r=ran: g.acquire() and r.set())
                other.start()
                time.sleep(WAKE_S)  # until it waits at the gate
            deadline = time.perf_counter() + WAKE_S
            while time.perf_counter() < deadline:  # until it waits for the lock, which is held
                pass
            decode(data)
            count += ran.is_set()
            other.join()
    finally:
        sys.setswitchinterval(before)
    return count


def measure(images: Path, tiles: int, count: int) -> dict[str, Any]:
    """Every installed library on the same tiles, with one thread and with two."""
    files = tilesets.files(images, tiles)
    found, absent = decoders.installed()
    expected = [png.decode(data) for data in files]
    facts = {
        name: {
            "different": different(decode, files, expected),
            "refuses_half": decoders.refuses_half(decode),
            "interrupted": [interrupted(decode, files[:LOOKS]), len(files[:LOOKS])],
        }
        for name, decode in found.items()
    }
    ways: dict[str, Callable[[], object]] = {}
    with ThreadPoolExecutor(2) as pool:
        for name, decode in found.items():
            ways[f"{name}: {ONE}"] = functools.partial(_all, decode, files)
            ways[f"{name}: {TWO}"] = functools.partial(threaded, pool, decode, files)
        samples = rounds.to_json(rounds.interleaved(ways, count))
    measured = {
        name: facts[name] | {each: samples[f"{name}: {each}"] for each in (ONE, TWO)}
        for name in found
    }
    return {
        "tiles": tiles,
        "repeats": count,
        "versions": decoders.versions(),
        "absent": absent,
        "decoders": measured,
    }


def table(result: Mapping[str, Any]) -> list[str]:
    """Markdown: a library a row, the cheapest first."""
    rows = []
    measured = result["decoders"]
    for name in sorted(
        measured, key=lambda each: rounds.Samples(**measured[each][ONE]).cpu_seconds
    ):
        found = measured[name]
        one, two = (rounds.Samples(**found[each]) for each in (ONE, TWO))
        each = one.cpu_seconds / result["tiles"]
        rows.append([
            name, f"{found['different']} of {result['tiles']}", f"{1e6 * each:.0f}",
            f"{result['tiles'] / one.seconds:,.0f}", f"{two.over(one):.2f}x",
            "{} of {}".format(*found["interrupted"]), "yes" if found["refuses_half"] else "no",
        ])  # fmt: skip
    head = ["decoder", "tiles that differ", "CPU us a tile", "tiles/s", "two threads to one",
            "others ran meanwhile", "refuses half an image"]  # fmt: skip
    lines = rounds.markdown(head, rows)
    if result["absent"]:
        lines += ["", f"Not installed: {', '.join(result['absent'])}."]
    return lines


@click.command()
@click.option("--images", type=click.Path(path_type=Path, exists=True), default=tilesets.EXAMPLES,
              help="Folder or zip of tiles; default: the examples.")  # fmt: skip
@click.option("--tiles", default=500, show_default=True, help="For each sample.")
@click.option("--rounds", "count", default=7, show_default=True)
def main(images: Path, tiles: int, count: int) -> None:
    """Compare PNG decoders on the same tiles."""
    result = measure(images, tiles, count)
    lines = table(result)
    record.save("decode", {"table": lines, **result})
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
