from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from salt_infer import files
from salt_infer.errors import InputError, OutputError, UsageError
from salt_infer.files import check_output, write_whole
from salt_infer.place import Url


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
    number = errno.EINVAL

    def refuse(descriptor: int) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    files.sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="refused"):
        files.sync_folder(tmp_path)


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for name in ("old", ".new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"in {name}").touch()
    files.replace_folder(tmp_path / ".new", tmp_path / "old")
    assert os.listdir(tmp_path) == ["old"]
    assert os.listdir(tmp_path / "old") == ["in .new"]
