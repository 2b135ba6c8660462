"""Runs every case and says what came out: ``python -m tests.infer.hostile.run`` prints JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import subprocess
import tempfile
import threading
import time
import traceback
from pathlib import Path

from salt_infer.backends import selection
from salt_infer.data.source import BadTile
from salt_infer.errors import SaltError
from salt_infer.job import job
from salt_infer.job.job import Job
from salt_infer.job.watcher import Watcher
from salt_infer.masks import table
from salt_infer.system.location import parse
from tests.infer.hostile.case import Case, with_good
from tests.infer.hostile.table import CASES


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        about: the case.
        rows: ids in the submission; None where there is none.
        bad: reason by id.
        error: of the run; empty where it went through.
        traceback: of an exception that is no SaltError, which no input may cause.
        touched: what was made, changed or removed outside the output.
        left: threads and open files that there were not before.
        cpu_s: seconds of processor time.
        memory_mb: by how much the process's memory grew at its peak.
    """

    about: str
    rows: list[str] | None
    bad: dict[str, str]
    error: str
    traceback: str
    touched: list[str]
    left: int
    cpu_s: float
    memory_mb: float


class _Meddler(Watcher):
    """Changes the input when it was listed, and remembers how it was then, and bad tiles."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.before = state(folder.parent)
        self.named: dict[str, str] = {}

    def bad(self, bad: BadTile) -> None:
        self.named[bad.tile.id] = bad.reason

    def started(self, tiles: int, done: int = 0) -> None:
        if self.case.meddle:
            self.case.meddle(self.folder)
            self.before = state(self.folder.parent)


def run(case: Case, root: Path) -> Outcome:
    """Run one case below ``root``: ``in`` is its input, ``out`` its output, ``cwd`` is empty."""
    for name in ("in", "out", "cwd"):
        (root / name).mkdir(parents=True)
    with contextlib.chdir(root / "in"):
        place = case.make(root / "in")
    watcher = _Meddler(case, root / "in")
    left, cpu, memory = _held(), time.process_time(), _memory_mb(reset=True)
    error, trace = "", ""
    with contextlib.chdir(root / "cwd"):
        try:
            job.run(Job(parse(place), root / "out/x.csv", decode_workers=2), watcher)
        except SaltError as raised:
            error = str(raised)
        except Exception:
            trace = traceback.format_exc()
    return Outcome(
        case.about,
        _rows(root / "out"),
        watcher.named,
        error,
        trace,
        sorted(state(root) ^ watcher.before),
        _held() - left,
        time.process_time() - cpu,
        _memory_mb() - memory,
    )


def _rows(out: Path) -> list[str] | None:
    made = sorted(path.name for path in out.iterdir())
    assert made in ([], ["x.csv"]), made
    return list(table.read_rows(out / "x.csv")) if made else None


def state(root: Path) -> set[str]:
    """Name, type, size, time of change and target of all below a folder, but for ``out``. By
    find, which no depth is too much for.
    """
    form = r"%P\t%y\t%s\t%T@\t%l\0"
    command = ["find", root, "-path", root / "out", "-prune", "-o", "-printf", form]
    found = subprocess.run(command, check=True, capture_output=True).stdout
    return {ascii(os.fsdecode(line)) for line in found.split(b"\0")}


def _held() -> int:
    return threading.active_count() + len(os.listdir("/proc/self/fd"))


def _memory_mb(reset: bool = False) -> float:
    """The highest memory of the process, since it was last reset."""
    if reset:
        with contextlib.suppress(OSError):  # some sandboxes refuse: then it is the highest so far
            Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Run them all in one process, the model loaded once."""
    selection.ModelSession = functools.cache(selection.ModelSession)
    root = Path(tempfile.mkdtemp())
    try:
        run(Case("warm up", "tile", "", with_good), root / "0")
        outcomes = [run(case, root / str(index)) for index, (_, case) in enumerate(CASES, start=1)]
    finally:
        subprocess.run(["rm", "-rf", root], check=True)  # rmtree is recursive
    print(json.dumps([dataclasses.asdict(outcome) for outcome in outcomes]))


if __name__ == "__main__":
    main()
