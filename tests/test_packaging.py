"""The wheel holds what users need, under names of its own; the sdist is the repository."""

from __future__ import annotations

import configparser
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import salt_infer
from tests.conftest import ROOT

PACKAGES = ("salt_infer", "salt_train", "salt_export", "salt_report", "salt_serve", "salt_survey")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is tracked, as a user has it: nothing that lies about gets in."""
    if not (ROOT / ".git").exists():
        pytest.skip("the tests are not in a clone, which would say what belongs to the project")
    folder = tmp_path_factory.mktemp("clone") / "source"
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    return folder


@pytest.fixture(scope="module")
def tracked(clone: Path) -> set[str]:
    command = ["git", "-C", clone, "ls-files"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines())


@pytest.fixture(scope="module")
def built(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist, and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, clone]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        return set(archive.namelist())


def below(folder: str, names: set[str]) -> set[str]:
    """Those names that are in a folder, as they are called within it."""
    return {name.removeprefix(f"{folder}/") for name in names if name.startswith(f"{folder}/")}


def test_the_container_is_given_all_packages() -> None:
    """What the ignore file lets in has every folder that packages lie in."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = (ROOT / "serve" / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    folders = settings["options"]["package_dir"].split("\n")
    wanted = {line.partition("=")[2].strip().partition("/")[0] for line in folders if line}
    assert wanted <= let_in


@pytest.mark.slow
def test_the_sdist_is_the_repository(built: Path, tracked: set[str]) -> None:
    """So all that README and CONTRIBUTING tell to do can be done in it."""
    path = next(built.glob("*.tar.gz"))
    with tarfile.open(path) as archive:
        files = {member.name for member in archive.getmembers() if member.isfile()}
    names = below(path.name.removesuffix(".tar.gz"), files)
    made = {name for name in names if name == "PKG-INFO" or ".egg-info/" in name}
    assert names - made == tracked


def test_site_packages_gets_our_names_only(wheel: set[str]) -> None:
    top = {name.partition("/")[0] for name in wheel}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_carries_every_module(wheel: set[str], tracked: set[str], package: str) -> None:
    names = below(package.removeprefix("salt_"), tracked)
    modules = {name for name in names if name.endswith(".py")}
    assert f"{package}/__init__.py" in modules
    assert modules | {f"{package}/py.typed"} <= wheel


def test_the_wheel_carries_the_model_and_its_card(wheel: set[str]) -> None:
    shipped = {"default.onnx", "default-cpu.onnx", "golden.json", "CARD.md"}
    assert {f"salt_infer/models/{name}" for name in shipped} <= wheel


def test_the_wheel_carries_what_pages_are_made_of(wheel: set[str], tracked: set[str]) -> None:
    templates = {name for name in below("report", tracked) if "/templates/" in name}
    assert len(templates) >= 4
    assert templates <= wheel


def test_the_wheel_carries_the_page(wheel: set[str], tracked: set[str]) -> None:
    files = {name for name in below("serve", tracked) if "/static/" in name}
    assert "salt_serve/static/index.html" in files
    assert files <= wheel


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
