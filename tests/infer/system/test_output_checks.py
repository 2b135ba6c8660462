from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from salt_infer.errors import InputError
from salt_infer.system.output_checks import check_folder, check_output, check_writable
from salt_infer.system.whole_files import (
    partial_of,
    write_whole,
)


def test_of_a_link_into_nothing_the_missing_folder_is_named(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone" / "x")
    missing = f"^folder {tmp_path}/gone does not exist; create it"
    with pytest.raises(InputError, match=missing):
        check_writable(link, overwrite=True)
    with pytest.raises(InputError, match=missing):
        check_folder(link, ".png", overwrite=True)


@pytest.mark.parametrize("check", ["file", "folder"])
def test_a_name_that_leaves_no_room_for_a_hidden_one_is_refused(tmp_path: Path, check: str) -> None:
    for length in (234, 235, 300):
        path = tmp_path / ("n" * (length - 4) + ".csv")
        refused = pytest.raises(InputError, match=f"{length} bytes, expected no more than 234")
        with refused if length > 234 else contextlib.nullcontext():
            if check == "file":
                check_output(path, ".csv", (), overwrite=False)
            else:
                check_folder(path, ".png", overwrite=False)
    partial = partial_of(tmp_path / ("n" * 234), "salt-survey")
    partial.touch()  # the limit is that of the file system
    write_whole(tmp_path / ("n" * 234), b"new", overwrite=False)


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
        check_folder(mounted, ".png", overwrite=True)
    check_folder(mounted / "masks", ".png", overwrite=True)
    there, where = mounted / "x.csv", mounted.with_name("x.csv")
    for path in (there, where):
        path.touch()
    subprocess.run(["mount", "--bind", there, where], check=True)
    try:
        with pytest.raises(InputError, match=r"x\.csv is a mount point, .*; mount its folder"):
            check_output(where, ".csv", (), overwrite=True)
    finally:
        subprocess.run(["umount", where], check=True)
