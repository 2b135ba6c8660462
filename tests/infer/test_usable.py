from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from salt_infer import nvidia, usable
from salt_infer.errors import ProviderError
from salt_infer.nvidia import Driver, DriverError, Gpu

OWNER = "onnxruntime/__init__.py,sha256=x,1\n"


def install(folder: Path, name: str, record: str) -> None:
    info = folder / f"{name}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(record)


def test_one_package_is_fine(tmp_path: Path) -> None:
    install(tmp_path, "onnxruntime_gpu-1.31.1", OWNER)
    install(tmp_path, "onnxruntime_genai-0.9", "onnxruntime_genai/__init__.py,,\n")
    assert usable.owners(tmp_path) == ["onnxruntime-gpu"]
    assert usable.clash(tmp_path) is None


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
    found = usable.clash(tmp_path)
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
        "from salt_infer.cli import main\n"
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


def test_cpu_is_usable_here() -> None:
    assert list(usable.problems("cpu")) == []
    usable.demand("cpu")


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
        usable.demand(provider)  # type: ignore[arg-type]
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
    found = [str(problem) for problem in usable._driver("13.0", 0)]
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
        "from salt_infer.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert out.exists()
