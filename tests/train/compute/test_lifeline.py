"""Processes that are left alone, or told to end while they wait where Python handles no signal."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from salt_train.compute import lifeline
from salt_train.compute.lifeline import Lifeline, Peers
from tests import bare

FOREVER_S = 120  # on a busy machine all takes longer; what would wait for ever still fails


class Shared:
    """A board in memory."""

    def __init__(self) -> None:
        self.signs: dict[str, int] = {}
        self.gone = False

    def add(self, key: str, amount: int) -> int:
        if self.gone:
            raise RuntimeError("Connection reset by peer")
        self.signs[key] = self.signs.get(key, 0) + amount
        return self.signs[key]


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[queue.Queue[tuple[int, str]]]:
    """What a lifeline would have ended the process with."""
    monkeypatch.setattr(lifeline, "LOOK_S", 0.01)
    monkeypatch.setattr(lifeline, "GRACE_S", 0.01)
    yield queue.Queue()
    assert signal.set_wakeup_fd(-1) == -1  # given back


def test_a_peer_that_gives_signs_is_there_and_one_that_stops_is_lost() -> None:
    board = Shared()
    mine, theirs = (Peers(board, rank, 2, silence_s=0.0) for rank in range(2))
    theirs.lost()
    assert mine.lost() == ""
    theirs.lost()
    assert mine.lost() == ""
    assert mine.lost() == "no sign of life of process 1 for 0 s"
    theirs.lost()
    assert mine.lost() == ""  # it was only slow


def test_a_board_that_is_gone_takes_all_with_it() -> None:
    board = Shared()
    peers = Peers(board, 1, 3, silence_s=0.0)
    board.gone = True
    assert peers.lost() == "no sign of life of process 0, 2 for 0 s"


def test_a_process_whose_peers_are_lost_ends(ended: queue.Queue[tuple[int, str]]) -> None:
    line = Lifeline(None, lambda *why: ended.put(why))
    line.peers = Peers(Shared(), 0, 2, silence_s=0.0)
    code, why = ended.get(timeout=FOREVER_S)
    line.close()
    assert code == 1
    assert why == "no sign of life of process 1 for 0 s; start all again, with --resume"


def test_a_process_whose_parent_is_gone_ends(ended: queue.Queue[tuple[int, str]]) -> None:
    line = Lifeline(os.getppid() + 1, lambda *why: ended.put(why))
    code, why = ended.get(timeout=FOREVER_S)
    line.close()
    assert (code, "started this one is gone" in why) == (1, True)


def test_none_is_left_within_the_board(ended: queue.Queue[tuple[int, str]]) -> None:
    """Where the interpreter would end under it."""
    inside, leave = threading.Event(), threading.Event()

    class Slow(Shared):
        def add(self, key: str, amount: int) -> int:
            inside.set()
            leave.wait(FOREVER_S)
            return super().add(key, amount)

    line = Lifeline(None, lambda *why: ended.put(why))
    line.peers = Peers(Slow(), 0, 2)
    assert inside.wait(FOREVER_S)
    threading.Timer(0.1, leave.set).start()
    line.close()
    assert leave.is_set()
    assert "lifeline" not in {thread.name for thread in threading.enumerate()}
    assert ended.empty()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_is_not_followed_ends_it(
    ended: queue.Queue[tuple[int, str]], number: signal.Signals
) -> None:
    before = signal.signal(number, lambda *_: None)
    try:
        line = Lifeline(os.getppid(), lambda *why: ended.put(why))
        os.kill(os.getpid(), number)
        assert ended.get(timeout=FOREVER_S) == (128 + number, f"ended by {number.name}")
        line.close()
    finally:
        signal.signal(number, before)


def test_another_signal_and_one_that_is_followed_do_not(
    ended: queue.Queue[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        line = Lifeline(os.getppid(), lambda *why: ended.put(why))
        os.kill(os.getpid(), signal.SIGUSR1)
        line.close()
    finally:
        signal.signal(signal.SIGUSR1, before)
    for thread in threading.enumerate():
        if thread.name == "lifeline":
            thread.join(FOREVER_S)
    assert ended.empty()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def training(labelled: Path, out: Path) -> list[str]:
    return [
        "-m", "salt_train", "--data", str(labelled), "--out", str(out), "--folds", "4",
        "--batch-size", "8", "--epochs", "500", "--no-progress", "--precision", "fp32",
        "--recipe", "scratch", "--set", "model.width=8", "--set", "model.depth=18",
        "--set", "model.decoder_channels=8",
    ]  # fmt: skip


def begun(process: subprocess.Popen[str]) -> None:
    """Wait until it has trained an epoch."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        if "epoch 1/" in line:
            return
        seen += line
    raise AssertionError(seen)


@pytest.mark.slow
def test_workers_end_when_their_agent_was_killed(labelled: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0",
        *training(labelled, tmp_path / "run"),
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=bare.environment(tmp_path, OMP_NUM_THREADS="1"), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as agent:  # fmt: skip
        begun(agent)
        agent.kill()
        # The pipe is closed when the last of them has ended.
        said, _ = agent.communicate(timeout=FOREVER_S)
    # The one that sees it first may be what the other misses.
    assert "the process that started this one is gone" in said
    assert said.count("salt-train: ") == 2
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_process_whose_peer_was_killed_says_so(labelled: Path, tmp_path: Path) -> None:
    both, port = [], str(free_port())
    for rank in range(2):
        variables = {
            "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        both.append(
            subprocess.Popen(
                [sys.executable, *training(labelled, tmp_path / "run")], text=True,
                env=bare.environment(tmp_path, **variables), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )  # fmt: skip
    begun(both[0])
    both[1].kill()
    said, _ = both[0].communicate(timeout=FOREVER_S)
    both[1].communicate()
    assert both[0].returncode == 1
    assert "salt-train: another process of this run is gone (" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_waits_for_peers_that_never_come_ends_when_told(
    labelled: Path, tmp_path: Path, number: signal.Signals
) -> None:
    variables = {
        "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",
    }  # fmt: skip
    code = (
        "import sys; from salt_infer.cli import console; from salt_train.cli.train import cli\n"
        "import torch.distributed as dist; join = dist.init_process_group\n"
        "def told(*arguments): print('waiting', flush=True); join(*arguments)\n"
        "dist.init_process_group = told; console.run(cli)\n"
    )
    arguments = training(labelled, tmp_path / "run")[2:]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=bare.environment(tmp_path, **variables),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=FOREVER_S)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
