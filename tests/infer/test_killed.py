"""Runs that are really killed, in processes of their own, and the same command after them."""

from __future__ import annotations

import functools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from salt_infer.data import png
from salt_infer.job.frames import FRAME
from salt_infer.system.cpu import lanes_here
from tests.conftest import ROOT
from tests.infer import steady

BATCH = 4
RUN = "from tests.infer.steady import main; main({most})"
# Batches that are begun and not yet in the journal: one is encoded while others are run.
AHEAD = lanes_here() + 1
PATIENCE_S = 600  # for a run to end: far more than any takes, on a busy machine too


class Command:
    """``salt-infer`` on some tiles, with a model that notes each batch before it is run.

    Attributes:
        tiles, out: folders.
        log: file.
        seconds: that a batch takes.
        count: batches that a run in one go has.
    """

    def __init__(self, folder: Path, tiles: int, seconds: float) -> None:
        self.tiles = steady.draw(folder / "tiles", tiles)
        self.out, self.log = folder / "out", folder / "log"
        self.out.mkdir()
        self.seconds, self.count = seconds, -(-tiles // BATCH)

    def start(
        self,
        *more: object,
        seconds: float | None = None,
        most: int | None = None,
        before: str = "",
    ) -> subprocess.Popen[str]:
        """A run.

        Args:
            more: options.
            seconds: that a batch takes, if not as ever.
            most: batches that it ends; it stays in those that follow, however slow the test is.
            before: code that the process carries out first.
        """
        pause = self.seconds if seconds is None else seconds
        return subprocess.Popen(
            [
                sys.executable, "-c", before + RUN.format(most=most), self.log, str(pause),
                "--images", self.tiles, "--out", self.out / "x.csv", "--batch-size", str(BATCH),
                "--threshold", "0.2", "--gate", "0.2", *map(str, more),
            ],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(self, *more: object, seconds: float | None = None) -> tuple[int, str]:
        """Exit code and standard error of a run that is left alone."""
        process = self.start(*more, seconds=seconds)
        _, errors = process.communicate(timeout=PATIENCE_S)
        return process.returncode, errors

    def batches(self) -> list[tuple[int, int]]:
        """Process and number of each batch that was begun; what is begun at once in any order."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        pairs = [line.split(maxsplit=1) for line in lines]
        return [(int(process), self._numbers[tiles]) for process, tiles in pairs]

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        """Of the batches of a run in one go, by what the log has of them."""
        tiles = [png.decode(path.read_bytes()) for path in sorted(self.tiles.iterdir())]
        starts = range(0, len(tiles), BATCH)
        return {
            steady.named(np.stack(tiles[start : start + BATCH])): number
            for number, start in enumerate(starts)
        }

    def wait_for(self, process: subprocess.Popen[str], batches: int) -> None:
        """Until a process has begun so many."""
        while sum(1 for pid, _ in self.batches() if pid == process.pid) < batches:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)

    def wait_until_kept(self, process: subprocess.Popen[str]) -> None:
        """Until the journal has a batch: on a busy machine, long after several are begun."""
        while not kept(self.out / "x.csv.journal"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)

    def expected(self) -> dict[str, bytes]:
        """What a run in one go writes; the outputs of others must be gone, and are gone after."""
        code, errors = self.finish(*all_of(self), "--restart", "--overwrite", seconds=0)
        assert code == 0, errors
        return self.contents()

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }


def all_of(command: Command) -> list[object]:
    """Options for every kind of output."""
    return ["--details", "--masks", command.out / "masks", "--probabilities", command.out / "x.npz"]


def left_in(out: Path) -> list[str]:
    """What a run that was killed has left, sorted; but for locks, which keep nobody away then."""
    return sorted(name for name in os.listdir(out) if not name.endswith(".lock"))


def kept(path: Path) -> int:
    """Batches that a journal has whole; what is before them is the fingerprint of the run."""
    content = path.read_bytes() if path.exists() else b""
    at, frames = content.find(b"\n") + 1, 0
    while len(content) >= at + FRAME.size:
        *_, text, data = FRAME.unpack_from(content, at)
        at += FRAME.size + text + data
        frames += at <= len(content)
    return max(0, frames - 1)


def kill_often(command: Command, times: int, seed: int) -> None:
    """SIGKILL at random moments within the run, a few of them while it starts, then the same
    command to its end.
    """
    moments, most = random.Random(seed), command.count // (times + 1)
    for number in range(times):
        process = command.start(*all_of(command), most=most)
        if number % 5 == 4:
            time.sleep(moments.uniform(0, 1))
        else:
            command.wait_for(process, moments.randint(1, most))
            time.sleep(moments.uniform(0, command.seconds))
        if number == times - 1:
            command.wait_until_kept(process)
        assert process.poll() is None, "the run was over before it was killed"
        process.kill()
        process.communicate()
        assert left_in(command.out) == ["x.csv.journal"]
    code, errors = command.finish(*all_of(command), seconds=0)
    assert code == 0, errors
    assert "going on from" in errors
    resumed = command.contents()
    check_runs(command.batches(), command.count, times)
    assert resumed == command.expected()


def check_runs(batches: list[tuple[int, int]], count: int, times: int) -> None:
    """How often each batch was given to the model: every one was, and again only where it was not
    in the journal when its process was killed.

    Batches are begun in the order of their numbers, and none before the one ``AHEAD`` places before
    it is in the journal. The order of the log is another: of two that are begun at once, the later
    may be noted first.
    """
    runs = Counter(number for _, number in batches)
    assert set(runs) == set(range(count))
    assert runs.total() - count <= AHEAD * times
    processes = list(dict.fromkeys(process for process, _ in batches))
    assert 1 < len(processes) <= times + 1
    for place, process in enumerate(processes):
        mine = sorted(number for other, number in batches if other == process)
        later = {number for other, number in batches if other in processes[place + 1 :]}
        assert later.isdisjoint(mine[:-AHEAD]), (process, mine, sorted(later))


def test_killed_and_resumed_it_gives_the_same_bytes(tmp_path: Path) -> None:
    kill_often(Command(tmp_path, 60, 0.05), 2, seed=1)


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    kill_often(Command(tmp_path, 600, 0.03), 20, seed=int.from_bytes(os.urandom(4)))


KILLED_IN = """
import os, signal
from salt_infer.system import whole_files
original, calls = {where}, []
def ending(*arguments):
    calls.append(arguments)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
{where} = ending
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What ten tiles give in one go."""
    return Command(tmp_path_factory.mktemp("whole"), 10, 0.0).expected()


@pytest.mark.parametrize(
    ("where", "call", "there"),
    [
        ("os.sync", 1, [".masks"]),
        ("whole_files.put_in_place", 1, [".masks", ".x.csv", ".x.npz"]),
        ("whole_files.sync_folder", 2, [".x.csv", ".x.npz", "masks"]),
        ("whole_files.sync_folder", 3, [".x.csv", "masks", "x.npz"]),
        ("whole_files.sync_folder", 4, ["masks", "x.csv", "x.npz"]),
    ],
)
@pytest.mark.slow
def test_killed_while_it_publishes(
    tmp_path: Path, where: str, call: int, there: list[str], uninterrupted: dict[str, bytes]
) -> None:
    """The journal and hidden files stay; the same command runs no tile and tidies up. The first
    folder that is flushed is the journal's."""
    command = Command(tmp_path, 10, 0.0)
    process = command.start(*all_of(command), before=KILLED_IN.format(where=where, call=call))
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGKILL, errors
    names = left_in(command.out)
    assert names.pop(names.index("x.csv.journal"))
    hidden = [re.sub(r"\.[0-9a-f]{8}\.partial$", "", name) for name in names]
    assert hidden == there
    begun = command.batches()
    code, errors = command.finish(*all_of(command))
    assert code == 0, errors
    assert command.batches() == begun
    assert sorted(os.listdir(command.out)) == ["masks", "x.csv", "x.npz"]
    assert command.contents() == uninterrupted


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(tmp_path: Path, number: int, code: int) -> None:
    command = Command(tmp_path, 80, 0.05)
    process = command.start(most=8)
    command.wait_until_kept(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code
    assert "of 80 tiles are done and kept in" in errors
    assert "x.csv.journal; the same command goes on from there" in errors
    assert os.listdir(command.out) == ["x.csv.journal"]
    begun = len(command.batches())
    code, errors = command.finish()
    assert code == 0
    assert "going on from" in errors
    assert len(command.batches()) <= 20 + AHEAD
    assert len(command.batches()) > begun
    assert os.listdir(command.out) == ["x.csv"]


@pytest.mark.slow
def test_two_runs_at_once(tmp_path: Path) -> None:
    """The second is refused while the first lives, and may go on at once when that is killed."""
    command = Command(tmp_path, 60, 0.05)
    first = command.start(most=5)
    command.wait_until_kept(first)
    for more in ((), ("--restart",)):
        code, errors = command.finish(*more)
        assert code == 2
        assert "x.csv.journal is in use: another run writes this output" in errors
    assert first.poll() is None
    first.kill()
    first.communicate()
    code, errors = command.finish(seconds=0)
    assert code == 0, errors
    assert "going on from" in errors


def test_interrupted_twice_it_still_ends(tmp_path: Path) -> None:
    """A signal that arrives while threads are started or ended must not leave a lock taken."""
    command = Command(tmp_path, 200, 0.002)
    process = command.start(most=40)
    command.wait_for(process, 2)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    process.communicate(timeout=PATIENCE_S)
    # By the signal itself where one arrives when Python is all but gone.
    assert process.returncode in (130, -signal.SIGINT)
