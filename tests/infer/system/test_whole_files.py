from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from salt_infer.errors import InputError, OutputError, OutputExistsError, UsageError
from salt_infer.system.location import Url
from salt_infer.system.output_checks import check_output
from salt_infer.system.whole_files import (
    discard,
    partial_of,
    put_in_place,
    sync_folder,
    whole_folder,
    write_together,
    write_whole,
)


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


def test_a_file_system_that_cannot_flush_folders_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 0

    def refuse(descriptor: int) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    for unknown in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        number = unknown
        sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="refused"):
        sync_folder(tmp_path)


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
    put_in_place(hidden(tmp_path))
    assert state(tmp_path) == {"masks": ["new"], "x": "new", "y": "new"}


def test_what_a_killed_run_had_put_aside_goes_away(tmp_path: Path) -> None:
    renames = hidden(tmp_path)
    (tmp_path / "masks").rename(tmp_path / ".masks.0.old")
    (tmp_path / ".x.0.old").write_text("older")
    put_in_place(renames)
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
        put_in_place(renames)
    assert state(tmp_path) == {"masks": ["new"], "x": "new", "y": "new"}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_if_one_cannot_take_its_place_all_is_as_it_was(tmp_path: Path, number: int) -> None:
    renames = hidden(tmp_path)
    missing = renames[number][0]
    discard(missing)
    before = state(tmp_path)
    with pytest.raises(FileNotFoundError):
        put_in_place(renames)
    assert state(tmp_path) == before


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_takes_its_place_whole_or_not_at_all(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()
        (out / "old").touch()
    for error in (RuntimeError, OSError):
        told = OutputError if error is OSError else error
        with pytest.raises(told), whole_folder(out, "0", list) as folder:
            (folder / "half").touch()
            raise error
        assert state(tmp_path) == ({"out": ["old"]} if there else {})
    partial_of(out, "0").mkdir()
    (partial_of(out, "0") / "killed").touch()
    with whole_folder(out, "0", list) as folder:
        (folder / "new").touch()
    assert state(tmp_path) == {"out": ["new"]}


def test_a_folder_is_looked_at_just_before_it_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def check() -> None:
        if out.exists():
            raise OutputExistsError("it is there by now")

    with pytest.raises(OutputExistsError), whole_folder(out, "0", check) as folder:
        (folder / "new").touch()
        out.mkdir()
        (out / "precious").touch()
    assert state(tmp_path) == {"out": ["precious"]}
