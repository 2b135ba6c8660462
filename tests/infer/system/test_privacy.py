"""What runtimes leave in a home and ask a name server for, and that with us they do not.

No test here has CI in its environment: it would hide what users see.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from salt_infer.models import default_model
from salt_infer.system import privacy
from tests import alone, bare
from tests.conftest import ROOT

TILES = ROOT / "examples" / "tiles"


def left_in(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if not path.is_dir()]


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
@pytest.mark.slow
def test_a_run_leaves_the_home_as_it_was_and_asks_nobody(tmp_path: Path, provider: str) -> None:
    home, questions = tmp_path / "home", tmp_path / "questions"
    home.mkdir()
    arguments = ["--images", TILES, "--out", tmp_path / "x.csv", "--provider", provider]
    command = alone.command(questions, bare.command("salt-infer", *arguments))
    done = subprocess.run(command, env=bare.environment(home), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not left_in(home)
    assert not questions.exists()


def test_nor_is_a_line_said_where_the_home_cannot_be_written(tmp_path: Path) -> None:
    home = tmp_path / "no" / "such" / "home"
    done = bare.run(
        "salt-infer", "--images", TILES, "--out", tmp_path / "x.csv", env=bare.environment(home)
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_page_leaves_in_the_home_what_the_docs_say(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    data.mkdir()
    (data / "images").symlink_to(TILES)
    (data / "masks").symlink_to(TILES.with_name("masks"))
    done = bare.run(
        "salt-report", "data", data, "--out", tmp_path / "x.html", env=bare.environment(home)
    )
    assert (done.returncode, done.stderr) == (0, "")
    (fonts,) = left_in(home)
    assert fonts.parent == home / ".cache" / "matplotlib"
    folders = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_dir()}
    assert folders == {".cache", ".cache/matplotlib", ".config", ".config/matplotlib"}


@pytest.mark.slow
def test_the_doctors_processes_report_nothing(tmp_path: Path) -> None:
    home, questions = tmp_path / "home", tmp_path / "questions"
    home.mkdir()
    command = alone.command(questions, bare.command("salt-doctor"))
    done = subprocess.run(command, env=bare.environment(home), capture_output=True, check=False)
    assert done.returncode == 0
    assert not left_in(home)
    assert not questions.exists()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'salt-toolkit[ray]'")
def test_ray_on_this_machine_asks_nobody_where_it_runs(tmp_path: Path) -> None:
    """Its dashboard would, before it looks whether it may report. A token is all it leaves."""
    home, questions = tmp_path / "home", tmp_path / "questions"
    home.mkdir()
    arguments = ["--images", TILES, "--out", tmp_path / "x.csv", "--engine", "ray"]
    command = alone.command(questions, bare.command("salt-infer", *arguments))
    done = subprocess.run(command, env=bare.environment(home), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {path.parent for path in left_in(home)} <= {home / ".ray"}
    assert not questions.exists()


@contextmanager
def waiting(folder: Path, code: str) -> Iterator[tuple[Path, Path]]:
    """A Python process, alone, that has done what the code says; its home, and its questions."""
    home, questions = folder / "home", folder / "questions"
    home.mkdir(parents=True)
    code += "\nimport sys; print('ready', flush=True); sys.stdin.read()"
    command = alone.command(questions, [sys.executable, "-c", code])
    with subprocess.Popen(
        command, env=bare.environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield home, questions
        process.communicate()


@pytest.mark.slow
def test_a_model_in_memory_never_asks_for_the_makers_server(tmp_path: Path) -> None:
    """ONNX Runtime asks some ten seconds after it was loaded: one that was loaded without us, after
    one that was, says when it is time to look.
    """
    ours = "from salt_infer import SaltModel; SaltModel.load()"
    theirs = f"import onnxruntime; onnxruntime.InferenceSession({str(default_model('cpu'))!r})"
    with waiting(tmp_path / "a", ours) as mine, waiting(tmp_path / "b", theirs) as other:
        for _ in range(60):
            if other[1].exists():
                break
            _wait_a_second()
        else:
            pytest.skip("this ONNX Runtime asked no name server within a minute")
        assert not mine[1].exists()
        assert not left_in(mine[0])
        assert left_in(other[0])  # else this test could not fail


def _wait_a_second() -> None:
    subprocess.run(["sleep", "1"], check=True)


@pytest.mark.slow
def test_switches_are_set_before_anything_of_ours_can_import_a_runtime(tmp_path: Path) -> None:
    for module in (
        "salt_infer",
        "salt_infer.execution.ray_worker",
        "salt_export.int8",
        "salt_serve.api",
    ):
        code = f"import os, {module}; print(os.environ['ORT_DISABLE_TELEMETRY'])"
        done = subprocess.run(
            [sys.executable, "-c", code], env=bare.environment(tmp_path), capture_output=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, b"1\n"), done.stderr
    assert not left_in(tmp_path)


def test_what_a_user_has_set_is_left_alone() -> None:
    environment = {"ORT_DISABLE_TELEMETRY": "0", "DO_NOT_TRACK": ""}
    privacy.switch_off(environment)
    assert environment == privacy.SWITCHES | {"ORT_DISABLE_TELEMETRY": "0"}


def test_the_package_that_reports_is_only_hidden_while_a_runtime_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)
    with pytest.raises(ZeroDivisionError), privacy.unreported():
        with pytest.raises(ModuleNotFoundError):
            import openvino_telemetry  # noqa: F401
        raise ZeroDivisionError
    assert "openvino_telemetry" not in sys.modules
    theirs = sys.__class__("openvino_telemetry")
    monkeypatch.setitem(sys.modules, "openvino_telemetry", theirs)
    with privacy.unreported():
        assert sys.modules["openvino_telemetry"] is theirs
    assert sys.modules["openvino_telemetry"] is theirs


def test_a_runtime_that_a_program_has_imported_before_is_told_to_be_quiet(tmp_path: Path) -> None:
    code = (
        "import onnxruntime; seen = []\n"
        "onnxruntime.disable_telemetry_events = lambda: seen.append(1)\n"
        "from salt_infer import SaltModel; SaltModel.load(); print(len(seen) > 0)\n"
    )
    for value, told in (("1", b"True\n"), ("0", b"False\n")):
        variables = bare.environment(tmp_path, ORT_DISABLE_TELEMETRY=value)
        done = subprocess.run(
            [sys.executable, "-c", code], env=variables, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, told), done.stderr


def test_a_contender_reports_nothing(tmp_path: Path) -> None:
    home, questions = tmp_path / "home", tmp_path / "questions"
    home.mkdir()
    for name in ("onnxruntime_loop", "openvino_async"):
        asked = [sys.executable, "-c", f"import contenders.{name}"]
        paths = os.pathsep.join([str(ROOT / "benchmarks")])
        done = subprocess.run(
            alone.command(questions, asked), env=bare.environment(home, PYTHONPATH=paths),
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert not left_in(home)
    assert not questions.exists()


@pytest.fixture
def nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "openvino_telemetry", raising=False)


@pytest.mark.usefixtures("nothing_hidden")
def test_of_several_threads_none_shows_what_another_still_hides() -> None:
    inside, leave = threading.Event(), threading.Event()

    def hide() -> None:
        with privacy.unreported():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hide)
    thread.start()
    inside.wait()
    with privacy.unreported():
        pass
    assert sys.modules["openvino_telemetry"] is None
    with privacy.unreported():
        leave.set()
        thread.join()
        assert sys.modules["openvino_telemetry"] is None
    assert "openvino_telemetry" not in sys.modules


@pytest.mark.usefixtures("nothing_hidden")
def test_a_runtime_that_is_there_is_given_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = privacy.imported("json.tool")
    hidden = []
    monkeypatch.setattr(privacy, "_hide", lambda: hidden.append(1))
    assert privacy.imported("json.tool") is first
    assert not hidden
    monkeypatch.setitem(sys.modules, "json.tool", None)  # a program took it away since
    with pytest.raises(ImportError):
        privacy.imported("json.tool")
    assert hidden
