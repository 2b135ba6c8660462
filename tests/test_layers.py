"""Imports run one way: export -> train -> infer, report, serve, survey -> infer; PyTorch is known
to train and export alone.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = {
    "salt_infer": ROOT / "infer",
    "salt_train": ROOT / "train",
    "salt_export": ROOT / "export",
    "salt_report": ROOT / "report",
    "salt_serve": ROOT / "serve",
    "salt_survey": ROOT / "survey",
}
MAY_IMPORT = {
    "salt_infer": {"numpy", "PIL", "click", "tqdm", "onnxruntime", "openvino", "fsspec", "ray"},
    "salt_train": {
        "numpy",
        "tqdm",
        "click",
        "torch",
        "matplotlib",
        "tensorboard",
        "salt_infer",
    },
    "salt_export": {
        "numpy",
        "click",
        "torch",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "salt_infer",
        "salt_train",
        "tensorrt_rtx_bindings",
    },
    "salt_report": {
        "numpy",
        "PIL",
        "click",
        "pandas",
        "matplotlib",
        "jinja2",
        "markupsafe",
        "salt_infer",
    },
    "salt_serve": {
        "numpy",
        "click",
        "fastapi",
        "prometheus_client",
        "pydantic",
        "python_multipart",
        "starlette",
        "uvicorn",
        "salt_infer",
    },
    "salt_survey": {"numpy", "PIL", "click", "tqdm", "segyio", "zarr", "salt_infer"},
}
FILES = [(name, path) for name, root in PACKAGES.items() for path in (root / name).rglob("*.py")]


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize(
    ("package", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES]
)
def test_a_package_imports_only_downward(package: str, path: Path) -> None:
    foreign = imports(path) - set(sys.stdlib_module_names) - {package, "_csv", "_typeshed"}
    assert foreign <= MAY_IMPORT[package]


def test_ray_is_imported_by_one_module_alone() -> None:
    (only,) = [path for _, path in FILES if "ray" in imports(path)]
    assert only.name == "ray_cluster.py"


def test_modules_stay_small() -> None:
    long = {str(path): n for _, path in FILES if (n := len(path.read_text().splitlines())) > 350}
    assert not long
