"""The wheel holds what users need, under names of its own."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import salt_infer
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    # A clone, as a user has: nothing that lies about untracked gets in.
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        source,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.slow
def test_the_container_is_given_all_packages() -> None:
    """What the ignore file lets in has every folder that packages lie in."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = (ROOT / "serve" / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    folders = settings["options"]["package_dir"].split("\n")
    wanted = {line.partition("=")[2].strip().partition("/")[0] for line in folders if line}
    assert wanted <= let_in


def test_site_packages_gets_our_names_only(wheel: zipfile.ZipFile) -> None:
    top = {name.partition("/")[0] for name in wheel.namelist()}
    packages = {
        "salt_infer",
        "salt_train",
        "salt_export",
        "salt_report",
        "salt_serve",
        "salt_survey",
    }
    assert {name for name in top if not name.endswith(".dist-info")} == packages


@pytest.mark.slow
def test_the_wheel_carries_the_model_and_its_card(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    shipped = {"default.onnx", "default-cpu.onnx", "golden.json", "CARD.md"}
    assert {f"salt_infer/models/{name}" for name in shipped} <= names
    assert {f"{name}/py.typed" for name in ("salt_infer", "salt_train", "salt_export")} <= names
    modules = {str(p.relative_to(ROOT / "infer")) for p in (ROOT / "infer").rglob("*.py")}
    assert modules <= names


@pytest.mark.slow
def test_the_wheel_carries_what_pages_are_made_of(wheel: zipfile.ZipFile) -> None:
    folder = ROOT / "report"
    templates = {str(p.relative_to(folder)) for p in folder.rglob("templates/*")}
    assert len(templates) >= 4
    assert templates | {"salt_report/py.typed"} <= set(wheel.namelist())


@pytest.mark.slow
def test_the_wheel_carries_the_page(wheel: zipfile.ZipFile) -> None:
    static = ROOT / "serve" / "salt_serve" / "static"
    files = {str(p.relative_to(ROOT / "serve")) for p in static.rglob("*") if p.is_file()}
    assert "salt_serve/static/index.html" in files
    assert files | {"salt_serve/py.typed"} <= set(wheel.namelist())


def test_core_requirements_hold_neither_runtime_nor_torch() -> None:
    requirements = metadata.requires("salt-toolkit") or []
    core = {line for line in requirements if "extra ==" not in line}
    assert not [line for line in core if line.startswith(("onnx", "torch"))]
    extras = set(metadata.metadata("salt-toolkit").get_all("Provides-Extra") or [])
    assert {
        "cpu",
        "gpu",
        "tensorrt",
        "openvino",
        "train",
        "export",
        "report",
        "serve",
        "survey",
    } <= extras
    assert "dev" in extras


def test_one_version() -> None:
    assert metadata.version("salt-toolkit") == salt_infer.__version__
    assert f"## {salt_infer.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "command",
    [
        "salt-infer",
        "salt-doctor",
        "salt-train",
        "salt-export",
        "salt-report",
        "salt-serve",
        "salt-survey",
    ],
)
def test_every_command_answers(command: str) -> None:
    path = Path(sys.executable).with_name(command)
    done = subprocess.run([path, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"Usage: {command} ")
