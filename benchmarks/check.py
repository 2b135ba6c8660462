"""Is it still as fast? ``python benchmarks/check.py [COMMAND ...]``, or ``make bench-check``.

Runs the short set with its results in a folder of their own and compares ratios, never speeds, with
the stored ones: exit code 1 where one has dropped by more than its stored spread.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import record
from common import ratios
from common.ratios import Ratio

SHORT_SET = ("make", "bench")


@dataclasses.dataclass(frozen=True)
class Row:
    """A ratio then and now.

    Attributes:
        name: result file and ratio.
        stored: as it was; None where it is new.
        fresh: as it is; None where the fresh run leaves it out.
    """

    name: str
    stored: Ratio | None
    fresh: Ratio | None

    @property
    def dropped(self) -> bool:
        """Whether it is less than before by more than rounds differed then."""
        if not self.stored or not self.fresh:
            return False
        return self.fresh.median < self.stored.median - self.stored.spread

    def cells(self) -> tuple[str, ...]:
        """Name, stored, spread, fresh, verdict."""
        stored = (
            (f"{self.stored.median:.2f}", f"{self.stored.spread:.2f}") if self.stored else ("", "")
        )
        fresh = f"{self.fresh.median:.2f}" if self.fresh else ""
        return self.name, *stored, fresh, self._verdict()

    def _verdict(self) -> str:
        if not self.stored:
            return "new"
        if not self.fresh:
            return "not measured"
        return "DROPPED" if self.dropped else "holds"


def read(folder: Path) -> dict[str, dict[str, Ratio]]:
    """Ratios by result file; files without any are left out."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return {name: found for name, result in results.items() if (found := ratios.of(result))}


def compare(
    stored: Mapping[str, Mapping[str, Ratio]], fresh: Mapping[str, Mapping[str, Ratio]]
) -> list[Row]:
    """A row a ratio of the result files that the fresh run wrote."""
    rows = []
    for name, now in fresh.items():
        then = stored.get(name, {})
        rows += [Row(f"{name}: {key}", then.get(key), now.get(key)) for key in {**then, **now}]
    return rows


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown, in columns."""
    cells = [("ratio", "stored", "spread", "fresh", ""), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def run(command: Sequence[str]) -> dict[str, dict[str, Ratio]]:
    """What the command's benchmarks write."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, record.ELSEWHERE: folder}
        done = subprocess.run(command, cwd=record.ROOT, env=environment, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed with exit code {done.returncode}")
        return read(Path(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=Path, default=record.STORED, metavar="DIR")
    parser.add_argument("command", nargs="*", default=SHORT_SET, help="instead of: make bench")
    options = parser.parse_args()
    rows = compare(read(options.stored), run(options.command))
    print(*table(rows), sep="\n")
    if not any(row.stored and row.fresh for row in rows):
        sys.exit("no ratio was measured that is also stored")
    if dropped := sum(row.dropped for row in rows):
        sys.exit(f"{dropped} of {len(rows)} ratios dropped by more than their stored spread")


if __name__ == "__main__":
    main()
