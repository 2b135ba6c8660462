"""Imports run one way: export -> train -> infer, report, serve, survey -> infer; PyTorch is known
to train and export alone.
"""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Collection
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
        "tqdm",
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
        "h11",
        "prometheus_client",
        "pydantic",
        "python_multipart",
        "starlette",
        "uvicorn",
        "salt_infer",
    },
    "salt_survey": {"numpy", "PIL", "click", "tqdm", "zarr", "salt_infer"},
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


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_all_that_it_may(package: str) -> None:
    """What is installed for it is of use."""
    used = set().union(*(imports(path) for name, path in FILES if name == package))
    assert MAY_IMPORT[package] - used == set()


def test_ray_is_imported_by_one_module_alone() -> None:
    (only,) = [path for _, path in FILES if "ray" in imports(path)]
    assert only.name == "ray_cluster.py"


def test_modules_stay_small() -> None:
    long = {str(path): n for _, path in FILES if (n := len(path.read_text().splitlines())) > 350}
    assert not long


# Folders of a package, and what each may import of it besides ``errors``: one way, no circle.
SYSTEM, MASKS = {"system"}, {"system", "masks"}
MODEL = {"data", "settings", "network"}
FILES_OF = MASKS | {"modelfile", "models"}
SEEN = {"segy", "scan", "reading", "sections"}
ROOMS = {
    "salt_infer": {
        "errors": set(),
        "system": set(),
        "models": {"system"},
        "masks": SYSTEM,
        "data": MASKS,
        "modelfile": MASKS,
        "batch": {"masks", "modelfile"},
        "backends": FILES_OF | {"batch"},
        "predictor": FILES_OF | {"batch", "backends", "data"},
        "execution": FILES_OF | {"batch", "backends", "predictor", "data"},
        "job": FILES_OF | {"batch", "backends", "predictor", "data", "execution"},
        "doctor": FILES_OF | {"backends", "predictor", "job"},
        "cli": FILES_OF | {"batch", "backends", "predictor", "data", "execution", "job", "doctor"},
        "former": set(),
        "": {"system", "data", "backends", "predictor", "cli", "former"},
    },
    "salt_train": {
        "errors": set(),
        "data": set(),
        "settings": {"data"},
        "network": {"settings"},
        "scoring": {"data", "settings", "network"},
        "compute": {"settings"},
        "checkpoints": MODEL | {"scoring", "compute"},
        "training": MODEL | {"scoring", "compute", "checkpoints"},
        "job": MODEL | {"scoring", "compute", "checkpoints", "training"},
        "cli": MODEL | {"scoring", "compute", "checkpoints", "training", "job"},
        "synthetic": {"data"},
        "former": set(),
        "": MODEL | {"scoring", "checkpoints", "training", "cli", "former"},
    },
    "salt_survey": {
        "errors": set(),
        "segy": set(),
        "scan": {"segy"},
        "reading": {"segy", "scan"},
        "sections": {"scan", "reading"},
        "volume": SEEN,
        "execution": {"scan", "reading", "sections", "volume"},
        "job": SEEN | {"volume", "execution"},
        "calibration": {"scan", "reading", "sections", "volume"},
        "page": SEEN | {"volume", "calibration"},
        "tiles": SEEN | {"volume", "calibration"},
        "cli": SEEN | {"volume", "job", "calibration", "page", "tiles"},
        "synthetic": {"segy"},
        "": {"scan", "reading", "sections", "volume", "job", "cli"},
    },
    "salt_report": {
        "errors": set(),
        "common": set(),
        "dataset": {"common"},
        "predictions": {"common"},
        "submission": {"common"},
        "cli": {"common", "dataset", "predictions", "submission"},
        "": {"cli"},
    },
}


def room(parts: tuple[str, ...]) -> str:
    """Folder, or module at the top, that a dotted name below a package is in."""
    return "" if not parts or parts[0] in ("__init__", "__main__") else parts[0]


def rooms_used(package: str, path: Path) -> set[str]:
    """Rooms of its own package that a module imports from."""
    used = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            name, *inner = node.module.split(".")
            if name == package:
                names = [inner] if inner else [[alias.name] for alias in node.names]
                used |= {
                    room(tuple(each)) for each in names if each not in (["main"], ["__version__"])
                }
    return used


@pytest.mark.parametrize("package", ROOMS)
def test_rooms_import_one_way(package: str) -> None:
    root, may = PACKAGES[package] / package, ROOMS[package]
    for path in root.rglob("*.py"):
        mine = room(path.relative_to(root).with_suffix("").parts)
        foreign = rooms_used(package, path) - {mine, "errors"}
        assert foreign <= may[mine], f"{path}: {mine} imports from {foreign - may[mine]}"


@pytest.mark.parametrize("package", ROOMS)
def test_the_order_of_rooms_has_no_circle(package: str) -> None:
    order = list(graphlib.TopologicalSorter(ROOMS[package]).static_order())
    assert set(order) == ROOMS[package].keys()


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_import_in_no_circle(package: str) -> None:
    """Late imports and those for types alone are counted too."""
    root = PACKAGES[package]
    names = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (root / package).rglob("*.py")
    }
    used = {name: modules_used(path, names.keys()) - {name} for name, path in names.items()}
    list(graphlib.TopologicalSorter(used).static_order())  # raises CycleError, which names them
    assert any(used.values())


def modules_used(path: Path, known: Collection[str]) -> set[str]:
    """Those of the known modules that one imports from."""
    used = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                used.add(name if name in known else node.module)
    return used.intersection(known)
