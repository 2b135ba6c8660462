"""Real files through the parser and builder of TensorRT for RTX."""

from __future__ import annotations

import builtins
import importlib.util
import os
from pathlib import Path

import pytest

from salt_export import tensorrt
from salt_export.errors import ExportError
from salt_export.job import export
from salt_export.request import Job
from salt_infer.backends.onnxruntime_session import ModelSession
from salt_train import synthetic
from tests import drawing

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx_bindings") is None,
    reason="tensorrt-rtx-cu13-bindings is not installed: pip install '.[tensorrt-check]'",
)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensorrt")
    synthetic.write(drawing.draw(64, seed=6), folder)
    return folder / "tiles"


@needs_rtx
@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_dense_files_are_taken(
    tiny_checkpoint: Path, tiles: Path, tmp_path: Path, precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("salt_export.guard.METHODS", ("minmax",))
    said: list[str] = []
    job = Job(
        (tiny_checkpoint,), tmp_path / "x.onnx", target="tensorrt", check_tensorrt=True,
        precision=precision,  # type: ignore[arg-type]
        calibrate=tiles if precision == "int8" else None, max_drop=0.33, say=said.append,
    )  # fmt: skip
    export(job)
    proof = ModelSession(job.model).contract.verification["tensorrt_rtx"]
    assert proof["layers"] > 50
    assert proof["engine_bytes"] > 100_000
    assert proof["gpu"] == "SM89"
    assert said[-1].startswith(f"TensorRT for RTX {proof['version']} takes it")
    assert said[-1].endswith("(not run)")


@needs_rtx
@pytest.mark.slow
@pytest.mark.usefixtures("traced", "few_shapes")
def test_a_gated_file_is_refused_and_not_published(tiny_checkpoint: Path, tmp_path: Path) -> None:
    job = Job((tiny_checkpoint,), tmp_path / "x.onnx", gated=True, check_tensorrt=True)
    with pytest.raises(ExportError, match=r"takes no gated file: .* NonZero .* with --dense"):
        export(job)
    assert os.listdir(tmp_path) == []


@needs_rtx
def test_rubbish_is_refused() -> None:
    with pytest.raises(ExportError, match="TensorRT for RTX refuses the file: "):
        tensorrt.check(b"rubbish")


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = builtins.__import__

    def refuse(name: str, *rest: object, **more: object) -> object:
        if name == "tensorrt_rtx_bindings":
            raise ModuleNotFoundError(f"No module named '{name}'")
        return honest(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ExportError, match=r"pip install 'salt-toolkit\[tensorrt-check\]'"):
        tensorrt.check(b"")
