"""What the commands say where the packages that they work with are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from salt_infer import __version__
from salt_infer.system import resource_limits
from tests import bare
from tests.conftest import ROOT
from tests.test_layers import PACKAGES

HEAVY = (
    "torch", "onnx", "onnxruntime", "openvino", "pandas", "matplotlib", "jinja2", "fastapi",
    "starlette", "uvicorn", "pydantic", "prometheus_client", "tensorboard", "segyio", "zarr",
)  # fmt: skip
COMMANDS = {
    "salt-infer": "salt_infer.cli.infer",
    "salt-doctor": "salt_infer.cli.doctor",
    "salt-train": "salt_train",
    "salt-export": "salt_export",
    "salt-report": "salt_report",
    "salt-serve": "salt_serve",
    "salt-survey": "salt_survey",
}
TILES = ROOT / "examples" / "tiles"


def run(command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The command where none of the HEAVY packages can be imported."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY}))\n"
        f"from {COMMANDS[command]} import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_and_version_need_no_extra(command: str) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {command} ")
    done = run(command, "--version")
    assert (done.returncode, done.stdout) == (0, f"{command}, version {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_interruption_of_the_first_imports_is_quiet(tmp_path: Path, command: str) -> None:
    (tmp_path / "click.py").write_text("import signal; signal.raise_signal(signal.SIGINT)\n")
    code = f"from {COMMANDS[command].removesuffix('.infer')} import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=False,
        env=bare.environment(PYTHONPATH=str(tmp_path)),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interruption_does_not_end_a_prompt() -> None:
    """Of one who draws tiles from Python, which imports what commands are made of."""
    typed = "import signal; signal.raise_signal(signal.SIGINT)\nprint('still here')\n"
    done = subprocess.run(
        [sys.executable, "-i", "-c", "from salt_train import synthetic"], input=typed,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "still here\n")
    assert "KeyboardInterrupt" in done.stderr


def test_an_error_of_the_first_imports_is_told(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise RuntimeError('broken')\n")
    done = bare.run("salt-infer", "--help", env=bare.environment(PYTHONPATH=str(tmp_path)))
    assert done.returncode == 1
    assert done.stderr.endswith("RuntimeError: broken\n")


def test_help_of_inference_imports_neither_numpy_nor_pillow() -> None:
    code = "import sys; sys.modules.update(numpy=None, PIL=None)\nfrom salt_infer.cli import main"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; main()", "--help"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_its_command(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", package, "--version"], capture_output=True, text=True, check=False
    )
    name = package.replace("_", "-")
    assert (done.returncode, done.stdout) == (0, f"{name}, version {__version__}\n")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("salt-infer", ["--labels", ""]),
        ("salt-doctor", ["--engine-cache", ""]),
        ("salt-train", ["--data", ""]),
        ("salt-export", ["", "x.onnx"]),
        ("salt-report", ["data", "", "--out", "x.html"]),
        ("salt-serve", ["--model", ""]),
    ],
)
def test_an_empty_path_is_not_the_current_folder(command: str, arguments: list[str]) -> None:
    """A shell makes it of a variable that is not set."""
    done = run(command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the path is empty" in done.stderr


def test_recipes_settings_and_data_can_be_looked_at_without_torch(labelled: Path) -> None:
    for arguments in (["--list-recipes"], ["--dry-run"], ["--check-data", "--data", labelled]):
        done = run("salt-train", *arguments)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_run_names_the_extra_that_it_lacks(tmp_path: Path) -> None:
    checkpoint, out = tmp_path / "a.pth", tmp_path / "out"
    checkpoint.write_bytes(b"")
    rows = ["--submission", "x.csv", "--labels", TILES.with_name("masks")]
    for command, arguments, package, extra in (
        ("salt-train", ["--data", TILES.parent, "--out", out], "matplotlib", "train"),
        ("salt-export", [checkpoint, tmp_path / "a.onnx"], "onnx", "export"),
        ("salt-report", ["data", TILES, "--out", out], "pandas", "report"),
        ("salt-report", ["evaluate", *rows, "--out", out], "pandas", "report"),
        ("salt-serve", [], "starlette", "serve"),
        ("salt-survey", ["run", "x.sgy", "--out", out], "zarr", "survey"),
    ):  # fmt: skip
        done = run(command, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        remedy = f"pip install 'salt-toolkit[{extra}]'"
        needed = f"this needs the extra {extra} ({package} is not installed)"
        assert done.stderr == f"{command}: {needed}; {remedy}\n"
        assert not out.exists()


def test_without_any_runtime_one_is_asked_for(tmp_path: Path) -> None:
    """And not what each of four providers lacks."""
    out = tmp_path / "out.csv"
    done = run("salt-infer", "--images", TILES, "--out", out)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "salt-infer: no runtime is installed; pip install 'salt-toolkit[cpu]' (a GPU: [gpu]; "
        "OpenVINO: [openvino])\n"
    )
    done = run("salt-infer", "--images", TILES, "--out", out, "--provider", "openvino")
    assert "openvino cannot run here: OpenVINO is not installed (pip install" in done.stderr
    assert not out.exists()


def test_training_data_is_looked_for_before_torch_is_imported(tmp_path: Path) -> None:
    done = run("salt-train", "--data", tmp_path / "missing", "--out", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no training data in" in done.stderr


@pytest.mark.slow
def test_an_export_that_cannot_be_is_refused_before_torch_is_imported(tmp_path: Path) -> None:
    checkpoint, model = tmp_path / "a.pth", tmp_path / "a.onnx"
    there = tmp_path / "b.onnx"
    for path in (checkpoint, there):
        path.write_bytes(b"")
    for arguments, says in (
        ([tmp_path / "missing.pth", model], "missing.pth does not exist"),
        ([checkpoint, there], "--overwrite"),
        ([checkpoint, model, "--target", "tensorrt", "--gated"], "TensorRT takes no gated file"),
        ([checkpoint, model, "--labels", TILES], "--labels needs --verify-images"),
        ([checkpoint, model, "--precision", "int8"], "give --calibrate"),
        ([checkpoint, model, "--target", "cpu", "--calibrate", TILES], "24 tiles to verify on"),
        ([checkpoint, model, "--verify-images", TILES], "at least 64"),
        ([checkpoint, model, "--verify-only"], "a.onnx does not exist"),
        ([checkpoint, there, "--verify-only", "--calibrate", tmp_path / "x"], "does not exist"),
    ):
        done = run("salt-export", *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        assert says in done.stderr


@pytest.mark.parametrize(
    ("command", "package", "extra", "broken"),
    [
        ("salt-train", "tensorboard", "train", False),
        ("salt-train", "torch", "train", True),
        ("salt-export", "onnxscript", "export", False),
        ("salt-report", "jinja2", "report", True),
        ("salt-serve", "python_multipart", "serve", False),
    ],
)
def test_a_package_that_is_used_late_is_missed_early(
    tmp_path: Path, command: str, package: str, extra: str, broken: bool
) -> None:
    """One that is not there, or cannot find a library that it needs."""
    error = "ImportError('libgomp.so.1: cannot open shared object file')"
    if not broken:
        error = f"ModuleNotFoundError({f'No module named {package!r}'!r}, name={package!r})"
    (tmp_path / "site" / package).mkdir(parents=True)
    (tmp_path / "site" / package / "__init__.py").write_text(f"raise {error}\n")
    checkpoint, out = tmp_path / "a.pth", tmp_path / "out"
    checkpoint.write_bytes(b"")
    arguments = {
        "salt-train": ["--data", TILES.parent, "--out", out],
        "salt-export": [checkpoint, out.with_suffix(".onnx")],
        "salt-report": ["data", TILES.parent, "--out", out.with_suffix(".html")],
        "salt-serve": ["--port", 0],
    }[command]
    variables = bare.environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    done = bare.run(command, *arguments, env=variables)
    assert (done.returncode, done.stdout) == (1, "")
    remedy = f"pip install 'salt-toolkit[{extra}]'"
    if broken:
        assert "installed and cannot be imported (libgomp.so.1: cannot open shared" in done.stderr
        assert done.stderr.endswith(f"{remedy} --force-reinstall\n")
    else:
        needed = f"this needs the extra {extra} ({package} is not installed)"
        assert done.stderr == f"{command}: {needed}; {remedy}\n"
    assert done.stderr.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("command", ["salt-train", "salt-export"])
def test_a_folder_for_temporary_files_is_asked_for_before_the_work(
    tmp_path: Path, command: str
) -> None:
    """As in a container with a read-only root: none of the places can be written to."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import tempfile\n"
        "def none(*_): raise FileNotFoundError(2, 'No usable temporary directory found in []')\n"
        "tempfile._get_default_tempdir = none\n"
    )
    checkpoint, out = tmp_path / "a.pth", tmp_path / "out"
    checkpoint.write_bytes(b"")
    arguments = {
        "salt-train": ["--data", TILES.parent, "--out", out],
        "salt-export": [checkpoint, out.with_suffix(".onnx")],
    }[command]
    variables = bare.environment(tmp_path, PYTHONPATH=str(tmp_path / "site"))
    done = bare.run(command, *arguments, env=variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{command}: {resource_limits.NO_TEMPORARY}\n"


@pytest.mark.slow
def test_a_page_without_a_home_says_nothing_of_fonts(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    home = bare.environment(tmp_path / "no" / "home")
    done = bare.run("salt-report", "data", TILES.parent, "--out", out, env=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert out.exists()


def test_files_are_as_the_users_mask_wants_them(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    done = bare.run("salt-infer", "--images", TILES, "--out", out, umask=0o027)
    assert (done.returncode, out.stat().st_mode & 0o777) == (0, 0o640)
