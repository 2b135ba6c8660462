from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from salt_infer.errors import OutputError, OutputInUseError
from salt_infer.system import output_locks
from salt_infer.system.locks import NO_LOCKS
from salt_infer.system.output_locks import writing

HOLD = """
import sys
from pathlib import Path
from salt_infer.system.output_locks import writing
with writing(*map(Path, sys.argv[1:])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_one_run_writes_no_other_does(tmp_path: Path) -> None:
    """In another process, by another name; and however that process ends."""
    out, folder = tmp_path / "m.onnx", tmp_path / "run"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    arguments = [sys.executable, "-c", HOLD, str(out), str(folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        for path in (out, folder, tmp_path / "link"):
            with (
                pytest.raises(OutputInUseError, match=f"another run writes to {path}; wait"),
                writing(path),
            ):
                pass
        with writing(tmp_path / "other.onnx"):
            other.kill()
            other.wait()
    with writing(out, None, folder, folder / ".." / "run"):
        assert sorted(os.listdir(tmp_path)) == [".m.onnx.lock", "link", "run"]
        assert os.listdir(folder) == [".lock"]
    assert sorted(os.listdir(tmp_path)) == ["link", "run"]
    assert os.listdir(folder) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from salt_infer.system.whole_files import write_whole
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), b"new", overwrite=True)
"""


def test_what_a_killed_run_had_written_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "a[1].csv"
    others = [".a[1].csv.old.tmp", ".a1.csv.7.tmp", ".b.csv.7.tmp", ".a[1].csv.gz.7.tmp"]
    for name in others:
        (tmp_path / name).touch()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(out)])
    assert killed.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == len(others) + 1
    with writing(out):
        pass
    assert sorted(os.listdir(tmp_path)) == sorted(others)


@pytest.mark.parametrize("there", [True, False])
def test_only_an_own_lock_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    lock = tmp_path / ".m.onnx.lock"
    if there:
        lock.touch(mode=0o444)

    def fails(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(output_locks, "Lock", fails)
    with pytest.raises(OutputError, match="cannot be held"), writing(tmp_path / "m.onnx"):
        pass
    assert lock.exists() is there


def test_a_lock_that_may_only_be_read_is_seen_held(tmp_path: Path) -> None:
    """As another user's, whose files are his to write to: opened to be read alone."""
    lock = tmp_path / ".m.onnx.lock"
    lock.touch()
    with open(lock, "rb") as his:
        fcntl.flock(his, fcntl.LOCK_EX)
        with pytest.raises(OutputInUseError), writing(tmp_path / "m.onnx"):
            pass
        assert lock.exists()
    with writing(tmp_path / "m.onnx"):
        pass
    assert not lock.exists()


def test_of_a_folder_that_is_replaced_the_lock_is_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    for there in (False, True):
        with writing(folder, replaced=True):
            assert ".masks.lock" in os.listdir(tmp_path)
            with (
                pytest.raises(OutputInUseError, match="another run writes to"),
                writing(folder, replaced=True),
            ):
                pass
            if there:
                assert os.listdir(folder) == []
        folder.mkdir(exist_ok=True)


def test_where_there_are_no_locks_it_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(tmp_path / "x", tmp_path / "y") as told:
        assert told == ""

    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with writing(tmp_path / "x", tmp_path / "y") as told:
        assert told == f"{tmp_path / 'x'}: {NO_LOCKS}"
        with pytest.raises(OutputInUseError), writing(tmp_path / "y"):
            pass


def test_a_lock_removed_while_it_is_being_taken_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run ends between this one's opening and holding the file."""
    flock, calls = fcntl.flock, []

    def late(file: int, how: int) -> None:
        if not calls:
            (tmp_path / ".lock").unlink()
        calls.append(file)
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with writing(tmp_path):
        assert len(calls) == 2
        with pytest.raises(OutputInUseError), writing(tmp_path):
            pass


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")  # nothing is made where a link leads
    with pytest.raises(OutputError, match="cannot be held"), writing(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
