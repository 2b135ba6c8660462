from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from salt_infer.backends import availability, nvidia
from salt_infer.backends.nvidia import Driver, DriverError, Gpu
from salt_infer.errors import ProviderError
from tests.conftest import ROOT

OWNER = "onnxruntime/__init__.py,sha256=x,1\n"


def install(folder: Path, name: str, record: str) -> None:
    info = folder / f"{name}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(record)


def test_one_package_is_fine(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime_gpu-1.31.1", OWNER)
    install(tmp_path, "onnxruntime_genai-0.9", "onnxruntime_genai/__init__.py,,\n")
    assert availability.owners(tmp_path) == ["onnxruntime-gpu"]
    assert availability.clash(tmp_path) is None


@pytest.mark.parametrize(
    ("names", "extra"),
    [
        (("onnxruntime", "onnxruntime-gpu"), "gpu"),
        (("onnxruntime", "ort-nightly"), "cpu"),
    ],
)
def test_two_packages_are_named_with_the_command_that_mends_it(
    tmp_path: Path, names: tuple[str, str], extra: str
) -> None:
    for name in names:
        install(tmp_path, f"{name.replace('-', '_')}-1.31.1", OWNER)
    found = availability.clash(tmp_path)
    assert found is not None
    assert found.seen.startswith(f"{names[0]} and {names[1]} are both installed")
    assert found.remedy == (
        f"pip uninstall -y {names[0]} {names[1]} && pip install 'salt-toolkit[{extra}]'"
    )


def test_two_packages_end_a_run_whatever_may_be_fallen_back_to(tmp_path: Path) -> None:
    """A real site folder with a second package's record beside the real one."""
    import onnxruntime

    real = Path(onnxruntime.__file__).parents[1]
    (tmp_path / "onnxruntime").symlink_to(real / "onnxruntime")
    (record,) = real.glob("onnxruntime-*.dist-info")
    (tmp_path / record.name).symlink_to(record)
    install(tmp_path, "onnxruntime_gpu-1.31.1", OWNER)
    out = tmp_path / "x.csv"
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"sys.argv = ['salt-infer', '--images', 'examples/tiles', '--out', {str(out)!r},"
        " '--provider', 'cuda', '--allow-fallback']\n"
        "from salt_infer.cli.infer import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "salt-infer: onnxruntime and onnxruntime-gpu are both installed and overwrite each "
        "other's files; mend it: pip uninstall -y onnxruntime onnxruntime-gpu && "
        "pip install 'salt-toolkit[gpu]'\n"
    )
    assert not out.exists()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site folder with all that is installed here but the runtimes."""
    folder = tmp_path / "site"
    folder.mkdir()
    for entry in Path(numpy.__file__).parents[1].iterdir():
        if not entry.name.startswith(("onnxruntime", "openvino")):
            (folder / entry.name).symlink_to(entry)
    return folder


def infer(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``salt-infer`` with that folder, in the one above it."""
    code = "from salt_infer.cli.infer import main; main()"
    images = str(ROOT / "examples/tiles")
    command = [sys.executable, "-S", "-c", code, "--images", images, "--out", "x.csv", *arguments]
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'infer'}:{site}"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=site.parent, env=env
    )


@pytest.mark.parametrize(
    ("provider", "module", "mended"),
    [
        ("cpu", "onnxruntime", "onnxruntime onnxruntime-gpu && pip install 'salt-toolkit[cpu]'"),
        ("cuda", "onnxruntime", "onnxruntime onnxruntime-gpu && pip install 'salt-toolkit[gpu]'"),
        ("openvino", "openvino", "openvino && pip install 'salt-toolkit[openvino]'"),
    ],
)
@pytest.mark.parametrize(
    ("code", "says"),
    [
        (None, "is not installed but for what is left in "),
        ("raise ImportError('libx.so.1: no such file')", "cannot be imported (libx.so.1: no such"),
        ("raise AttributeError('half\\nof it')", "cannot be imported (half of it)"),
        ("pass", "__init__.py, which is not it"),
    ],
)
def test_a_runtime_that_is_broken_is_told_with_what_mends_it(
    site: Path, provider: str, module: str, mended: str, code: str | None, says: str
) -> None:
    (site / module / "capi").mkdir(parents=True)
    if code:
        (site / module / "__init__.py").write_text(code)
    done = infer(site, "--provider", provider)
    assert done.returncode == 1
    assert done.stderr.startswith(f"salt-infer: {provider} cannot run here: O")
    assert says in done.stderr
    assert f"(pip uninstall -y {mended})" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("provider", "module"), [("cpu", "onnxruntime"), ("openvino",) * 2])
def test_a_signal_while_a_runtime_is_imported_ends_the_run_like_any(
    site: Path, provider: str, module: str, number: signal.Signals, code: int
) -> None:
    """pybind11 makes an ImportError of whatever is raised inside a module that it initialises."""
    (site / module).mkdir()
    (site / module / "__init__.py").write_text(
        "import os\n"
        "try:\n"
        f"    os.kill(os.getpid(), {number})\n"
        "except BaseException as error:\n"
        "    raise ImportError('initialization failed') from error\n"
    )
    done = infer(site, "--provider", provider)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_cpu_is_usable_here() -> None:
    assert list(availability.problems("cpu")) == []
    availability.require("cpu")


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a driver, whatever this one has."""

    def none() -> Driver:
        raise DriverError("no NVIDIA driver: libcuda.so.1 cannot be loaded")

    monkeypatch.setattr(nvidia, "driver", none)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("provider", "extra"), [("cuda", "gpu"), ("tensorrt", "tensorrt")])
def test_all_that_is_missing_is_told_with_its_remedy(provider: str, extra: str) -> None:
    with pytest.raises(ProviderError) as caught:
        availability.require(provider)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(f"{provider} cannot run here: the installed ONNX Runtime ")
    assert f"pip uninstall -y onnxruntime && pip install 'salt-toolkit[{extra}]'" in message
    assert "no NVIDIA driver: libcuda.so.1 cannot be loaded (install NVIDIA's driver" in message


@pytest.mark.parametrize(
    ("driver", "says"),
    [
        (Driver((12, 8), (Gpu("a", "8.9"),)), "driver runs CUDA 12.8, ONNX Runtime needs 13.0"),
        (Driver((13, 0), ()), "there are 0 GPUs, --device-id 0 is none of them"),
        (Driver((13, 0), (Gpu("a", "8.9"),)), None),
    ],
)
def test_drivers(monkeypatch: pytest.MonkeyPatch, driver: Driver, says: str | None) -> None:
    monkeypatch.setattr(nvidia, "driver", lambda: driver)
    found = [str(problem) for problem in availability._driver("13.0", 0)]
    assert len(found) == (says is not None)
    assert all(says is not None and says in each for each in found)


def test_gpu_libraries_are_not_touched_on_the_cpu_path(tmp_path: Path) -> None:
    out = tmp_path / "x.csv"
    code = (
        "import sys\n"
        f"sys.argv = ['salt-infer', '--images', 'examples/tiles', '--out', {str(out)!r}]\n"
        "import onnxruntime\n"
        "onnxruntime.preload_dlls = None\n"
        "sys.modules['tensorrt_libs'] = sys.modules['openvino'] = None\n"
        "from salt_infer.cli.infer import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert out.exists()
