from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from salt_infer.errors import InputError, OutputError, OutputInUseError, UsageError
from salt_infer.system import files
from salt_infer.system.files import check_output, write_together, write_whole, writing
from salt_infer.system.location import Url
from salt_infer.system.locks import NO_LOCKS


@pytest.mark.parametrize("there", [True, False])
def test_files_that_belong_together_appear_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    first, second = tmp_path / "x.html", tmp_path / "x.json"
    if there:
        first.write_text("old")
    write_together({first: b"1", second: b"2"}, overwrite=there)
    assert (first.read_text(), second.read_text()) == ("1", "2")
    assert sorted(os.listdir(tmp_path)) == ["x.html", "x.json"]
    replace = Path.replace

    def refused(partial: Path, target: Path) -> Path:
        if target.name == "x.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(partial, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OutputError, match=r"x\.json cannot be written"):
        write_together({first: b"3", second: b"4"}, overwrite=True)
    assert (first.read_text(), second.read_text()) == ("1", "2")
    assert sorted(os.listdir(tmp_path)) == ["x.html", "x.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "sub.csv"
    out.write_text("precious")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_whole(out, b"new", overwrite=True)
    assert out.read_text() == "precious"
    assert os.listdir(tmp_path) == ["sub.csv"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_pipes_and_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        write_whole(tmp_path / "pipe", b"new", overwrite=True)
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_to_itself_is_replaced_or_told(tmp_path: Path) -> None:
    """Path.resolve raises RuntimeError for one."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to("loop.csv")
    with pytest.raises(UsageError, match="both read and written"):
        check_output(loop, ".csv", (loop, None), overwrite=True)
    check_output(loop, ".csv", (Url("s3://bucket/loop.csv"),), overwrite=True)
    write_whole(loop, b"new", overwrite=True)
    assert loop.read_text() == "new"


def test_of_a_link_into_nothing_the_missing_folder_is_named(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone" / "x")
    missing = f"^folder {tmp_path}/gone does not exist; create it"
    with pytest.raises(InputError, match=missing):
        files.check_writable(link, overwrite=True)
    with pytest.raises(InputError, match=missing):
        files.check_folder(link, ".png", overwrite=True)


def test_a_file_system_that_cannot_flush_folders_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 0

    def refuse(descriptor: int) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    for unknown in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        number = unknown
        files.sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="refused"):
        files.sync_folder(tmp_path)


def hidden(folder: Path) -> list[tuple[Path, Path]]:
    """A folder, a file and another to put in place; of the first two there are old ones."""
    renames = [(folder / f".{name}.0.partial", folder / name) for name in ("masks", "x", "y")]
    for number, (partial, target) in enumerate(renames):
        for path, text in ((partial, "new"), (target, "old")):
            if number == 0:
                path.mkdir()
                (path / text).touch()
            elif number == 1 or text == "new":
                path.write_text(text)
    return renames


def state(folder: Path) -> dict[str, str | list[str]]:
    return {
        path.name: os.listdir(path) if path.is_dir() else path.read_text()
        for path in folder.iterdir()
    }


def test_all_take_the_place_of_what_was_there(tmp_path: Path) -> None:
    files.put_in_place(hidden(tmp_path))
    assert state(tmp_path) == {"masks": ["new"], "x": "new", "y": "new"}


def test_what_a_killed_run_had_put_aside_goes_away(tmp_path: Path) -> None:
    renames = hidden(tmp_path)
    (tmp_path / "masks").rename(tmp_path / ".masks.0.old")
    (tmp_path / ".x.0.old").write_text("older")
    files.put_in_place(renames)
    assert state(tmp_path) == {"masks": ["new"], "x": "new", "y": "new"}


@pytest.mark.parametrize("step", ["rename", "replace"])
def test_a_signal_waits_until_all_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Wherever it comes: old ones beside new ones would be the worst."""
    renames, move = hidden(tmp_path), getattr(Path, step)

    def interrupted(path: Path, target: Path) -> Path:
        moved: Path = move(path, target)
        os.kill(os.getpid(), signal.SIGINT)
        return moved

    monkeypatch.setattr(Path, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.put_in_place(renames)
    assert state(tmp_path) == {"masks": ["new"], "x": "new", "y": "new"}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_if_one_cannot_take_its_place_all_is_as_it_was(tmp_path: Path, number: int) -> None:
    renames = hidden(tmp_path)
    missing = renames[number][0]
    files.discard(missing)
    before = state(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.put_in_place(renames)
    assert state(tmp_path) == before


@pytest.mark.parametrize("check", ["file", "folder"])
def test_a_name_that_leaves_no_room_for_a_hidden_one_is_refused(tmp_path: Path, check: str) -> None:
    for length in (237, 238, 300):
        path = tmp_path / ("n" * (length - 4) + ".csv")
        refused = pytest.raises(InputError, match=f"{length} bytes, expected no more than 237")
        with refused if length > 237 else contextlib.nullcontext():
            if check == "file":
                check_output(path, ".csv", (), overwrite=False)
            else:
                files.check_folder(path, ".png", overwrite=False)
    partial = files.partial_of(tmp_path / ("n" * 237), "01234567")
    partial.touch()  # the limit is that of the file system
    write_whole(tmp_path / ("n" * 237), b"new", overwrite=False)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file system of its own."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_what_is_mounted_is_not_replaced(mounted: Path) -> None:
    says = r"mounted is a mount point, .*; name a folder inside it, such as .*/mounted/mounted$"
    with pytest.raises(InputError, match=says):
        files.check_folder(mounted, ".png", overwrite=True)
    files.check_folder(mounted / "masks", ".png", overwrite=True)
    there, where = mounted / "x.csv", mounted.with_name("x.csv")
    for path in (there, where):
        path.touch()
    subprocess.run(["mount", "--bind", there, where], check=True)
    try:
        with pytest.raises(InputError, match=r"x\.csv is a mount point, .*; mount its folder"):
            check_output(where, ".csv", (), overwrite=True)
    finally:
        subprocess.run(["umount", where], check=True)


HOLD = """
import sys
from pathlib import Path
from salt_infer.system.files import writing
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


@pytest.mark.parametrize("there", [True, False])
def test_only_an_own_lock_is_taken_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    lock = tmp_path / ".m.onnx.lock"
    if there:
        lock.touch(mode=0o444)

    def fails(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files, "Lock", fails)
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
