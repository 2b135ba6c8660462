"""The command where the system denies it something: threads, files, folders, locks, a home."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from salt_infer.cli import console
from salt_infer.errors import PackageError
from salt_infer.system import resource_limits
from tests import bare
from tests.conftest import ROOT

TILES = ROOT / "examples" / "tiles"
NOBODY = 54321  # without an entry in the list of users


def as_nobody(processes: int | None = None) -> list[str]:
    """What a command is put behind to run as a user without a name, who may read everything, and
    may have so many processes and threads; the test is skipped where that cannot be.
    """
    if os.geteuid() or shutil.which("setpriv") is None or shutil.which("prlimit") is None:
        pytest.skip("only root, with setpriv and prlimit, can be somebody without a name")
    keep = "-all,+dac_read_search,+dac_override"
    who = [
        "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
        "--inh-caps", keep, "--ambient-caps", keep, "--bounding-set", keep,
    ]  # fmt: skip
    return who + (["prlimit", f"--nproc={processes}"] if processes else [])


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_too_few_threads_are_told_in_a_line(theirs: Path, provider: str) -> None:
    out = theirs / "x.csv"
    arguments = ["--images", TILES, "--out", out, "--provider", provider]
    done = subprocess.run(
        [*as_nobody(1), *bare.command("salt-infer", *arguments)], capture_output=True, text=True,
        env=bare.environment(theirs), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"salt-infer: {resource_limits.NO_THREADS}\n")
    assert not os.listdir(theirs)


def test_the_doctor_says_so_too_and_does_not_die(tmp_path: Path) -> None:
    done = subprocess.run(
        [*as_nobody(1), *bare.command("salt-doctor")], capture_output=True, text=True,
        env=bare.environment(tmp_path), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert (
        f"cpu         FAILS: no process can be started: {resource_limits.NO_THREADS}" in done.stdout
    )


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A folder that everybody may write to, like those above it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.mark.parametrize("name", ["salt-doctor", "salt-infer"])
def test_neither_a_home_nor_a_name_is_needed(theirs: Path, name: str) -> None:
    arguments = ["--images", TILES, "--out", theirs / "x.csv", "--provider", "openvino"]
    done = subprocess.run(
        [*as_nobody(), *bare.command(name, *(arguments if name == "salt-infer" else []))],
        capture_output=True, text=True, env=bare.environment(), check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_used(tmp_path: Path, number: int) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import fcntl, os\n"
        f"def flock(file, how): raise OSError({number}, os.strerror({number}))\n"
        "fcntl.flock = flock\n"
    )
    variables = bare.environment(PYTHONPATH=str(tmp_path / "site"))
    out = tmp_path / "x.csv"
    done = bare.run("salt-infer", "--images", TILES, "--out", out, env=variables)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert (
        "x.csv.journal: this file system has no locks: do not let two machines write" in done.stderr
    )
    assert len(out.read_text().splitlines()) == 25
    assert not (tmp_path / "x.csv.journal").exists()


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")
    assert resource_limits.explained(error) == resource_limits.NO_TEMPORARY
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert (
        resource_limits.explained(FileNotFoundError(errno.ENOENT, "x")) == resource_limits.NO_FOLDER
    )


@pytest.mark.parametrize(
    "text",
    [
        "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried",
        "CUDA out of memory. Tried to allocate 2.00 GiB",
        "std::bad_alloc",
        "Convolution node with name 'x' can't alloc",
    ],
)
def test_libraries_speak_of_memory_in_words_alone(text: str) -> None:
    assert resource_limits.explained(RuntimeError(text)) == resource_limits.NO_MEMORY
    assert resource_limits.limit(Exception(text)) == resource_limits.NO_MEMORY


def test_a_thread_also_takes_memory_where_that_is_limited(tmp_path: Path) -> None:
    code = (
        "from salt_infer.system import resource_limits\n"
        'print(resource_limits.explained(RuntimeError("can\'t start new thread")))'
    )
    for command, more in ((["prlimit", f"--as={1 << 32}"], ", or what 'ulimit -v'"), ([], "")):
        done = subprocess.run(
            [*command, sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=bare.environment(tmp_path),
        )  # fmt: skip
        assert done.stdout.startswith(resource_limits.NO_THREADS + more)
        assert ("ulimit -v" in done.stdout) == bool(more)


def test_a_package_that_may_not_be_loaded_is_not_to_be_installed_anew() -> None:
    error = ImportError("x.so: failed to map segment from shared object", name="pandas")
    with pytest.raises(PackageError) as told, console.importing("report"):
        raise error
    assert "noexec" in str(told.value)
    assert "pip install" not in str(told.value)


def test_what_else_is_explained() -> None:
    named = FileNotFoundError(errno.ENOENT, "No such file or directory", "x.png")
    assert resource_limits.explained(named) == "[Errno 2] No such file or directory: 'x.png'"
    assert (
        resource_limits.explained(OSError(errno.EMFILE, "Too many open files"))
        == resource_limits.NO_FILES
    )
    assert resource_limits.explained(MemoryError()) == resource_limits.NO_MEMORY
    assert (
        resource_limits.explained(RuntimeError("can't start new thread"))
        == resource_limits.NO_THREADS
    )
    assert (
        resource_limits.explained(OSError(errno.ENOMEM, "Cannot allocate memory"))
        == resource_limits.NO_MEMORY
    )
    full = resource_limits.explained(OSError(errno.ENOSPC, "No space left on device"))
    assert full == f"No space left on device; {resource_limits.NO_ROOM}"
    named = OSError(errno.ENOSPC, "No space left on device", "x.csv")
    assert resource_limits.explained(named) == "[Errno 28] No space left on device: 'x.csv'"
    assert "ulimit -f" in str(resource_limits.explained(OSError(errno.EFBIG, "File too large")))
    assert resource_limits.explained(RuntimeError("something else")) is None
    assert resource_limits.explained(ValueError("can't start new thread")) is None
