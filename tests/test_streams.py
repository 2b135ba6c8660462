"""Every command where standard output or error is full, closed or gone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import bare
from tests.conftest import ROOT

TILES = ROOT / "examples" / "tiles"
NOT_WRITTEN = "standard output cannot be written"


def closed(number: int) -> Callable[[], None]:
    """For a child to do before it becomes the command."""
    return lambda: os.close(number)


@pytest.fixture(params=["full", "gone"])
def out(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """Another such, and what is said of it: nothing where the reader has seen enough."""
    if request.param == "full":
        descriptor, why = os.open("/dev/full", os.O_WRONLY), "No space left on device"
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
        why = ""
    yield descriptor, why
    os.close(descriptor)


def told(name: str, why: str) -> tuple[int, str]:
    """Exit code and standard error of a command that could not say something."""
    return (1, f"{name}: {NOT_WRITTEN} ({why})\n") if why else (0, "")


@pytest.mark.parametrize("name", bare.COMMANDS)
def test_help_that_cannot_be_written_is_told_in_a_line(name: str) -> None:
    with open("/dev/full", "w") as full:
        done = bare.run(name, "--help", stdout=full)
    assert done.returncode == 1
    assert done.stderr == f"{name}: {NOT_WRITTEN} (No space left on device)\n"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("salt-infer", ["--describe"]),
        ("salt-doctor", ["--help"]),
        ("salt-train", ["--check-data", "--data", TILES.parent]),
    ],
)
def test_so_is_all_that_is_only_said(
    name: str, arguments: list[object], out: tuple[int, str]
) -> None:
    descriptor, why = out
    done = bare.run(name, *arguments, stdout=descriptor)
    assert (done.returncode, done.stderr) == told(name, why)


def test_a_run_is_done_whatever_becomes_of_its_words(tmp_path: Path, out: tuple[int, str]) -> None:
    file = tmp_path / "x.csv"
    done = bare.run("salt-infer", "--images", TILES, "--out", file, stdout=out[0])
    assert (done.returncode, done.stderr) == told("salt-infer", out[1])
    assert len(file.read_text().splitlines()) == 25
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.slow
def test_so_is_a_training(labelled: Path, tmp_path: Path) -> None:
    arguments = [
        "--data", labelled, "--out", tmp_path / "run", "--folds", 4, "--batch-size", 8,
        "--epochs", 2, "--precision", "fp32", "--threads", 1, "--recipe", "scratch",
        "--set", "model.width=16", "--set", "model.depth=18", "--set", "model.decoder_channels=8",
    ]  # fmt: skip
    home = bare.environment(tmp_path)
    with open("/dev/full", "w") as full:
        done = bare.run("salt-train", *arguments, env=home, stdout=full, stderr=full)
    assert done.returncode == 1
    assert (tmp_path / "run" / "last.pth").exists()
    assert (tmp_path / "run" / "validation.npz").exists()  # written in the end


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("bad", [False, True])
def test_a_stream_that_was_never_there_is_not_missed(
    tmp_path: Path, number: int, bad: bool
) -> None:
    tiles, file = tmp_path / "tiles", tmp_path / "x.csv"
    tiles.mkdir()
    for path in sorted(TILES.iterdir())[:3]:
        (tiles / path.name).symlink_to(path)
    if bad:
        (tiles / "bad.png").write_bytes(b"no PNG")
    done = bare.run("salt-infer", "--images", tiles, "--out", file, preexec_fn=closed(number))
    assert done.returncode == (3 if bad else 0)
    assert len(file.read_text().splitlines()) == 4
    said = done.stderr if number == 1 else done.stdout
    assert ("bad tile" in said) == (bad and number == 1)
    assert ("3 of" in said) == (number == 2)


def test_a_full_standard_error_does_not_stop_the_work(tmp_path: Path) -> None:
    tiles, file = tmp_path / "tiles", tmp_path / "x.csv"
    tiles.mkdir()
    (tiles / "good.png").symlink_to(sorted(TILES.iterdir())[0])
    (tiles / "bad.png").write_bytes(b"no PNG")
    arguments = ["--images", tiles, "--out", file, "--progress"]
    with open("/dev/full", "w") as full:
        done = bare.run("salt-infer", *arguments, stderr=full)
    assert done.returncode == 3
    assert len(file.read_text().splitlines()) == 2


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "import os; from salt_infer.cli import standard_streams; standard_streams.patient()\n"
        f"file = os.open({str(tmp_path / 'x')!r}, os.O_CREAT | os.O_WRONLY)\n"
        "os.write(1, b'1'); os.write(2, b'2'); assert file > 2; print('said')\n"
    )

    def none_at_all() -> None:
        for number in range(3):
            os.close(number)

    command = [*bare.command("salt-infer")[:1], "-c", code]
    done = subprocess.run(command, env=bare.environment(), preexec_fn=none_at_all, check=False)
    assert done.returncode == 0
    assert (tmp_path / "x").read_bytes() == b""


def test_a_pipe_that_is_not_ready_is_waited_for() -> None:
    code = (
        "import os; from salt_infer.cli import standard_streams\n"
        "os.set_blocking(1, False); out = standard_streams.patient()\n"
        "for _ in range(64): print('x' * 4095)\n"
        "assert out.lost() == ''\n"
    )
    command = [*bare.command("salt-infer")[:1], "-c", code]
    done = subprocess.run(command, env=bare.environment(), stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert len(done.stdout) == 64 * 4096  # more than a pipe holds


def test_a_line_is_seen_when_it_is_said() -> None:
    code = (
        "import sys; from salt_infer.cli import standard_streams; standard_streams.patient()\n"
        "print('begun'); sys.stdin.read()\n"
    )
    command = [*bare.command("salt-infer")[:1], "-c", code]
    with subprocess.Popen(
        command, env=bare.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.communicate()


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "utf-8:strict", "latin-1"])
def test_a_name_that_the_terminal_cannot_show_is_written_otherwise(encoding: str) -> None:
    code = (
        "from salt_infer.cli.standard_streams import patient; patient(); print('S\\u0142\\udcff')"
    )
    command = [*bare.command("salt-infer")[:1], "-c", code]
    variables = bare.environment(PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    done = subprocess.run(command, env=variables, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"S")
