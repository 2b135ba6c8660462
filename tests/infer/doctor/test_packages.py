from __future__ import annotations

import configparser
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from salt_infer.doctor import packages
from salt_infer.doctor.packages import Need
from tests.conftest import ROOT

OF_PROVIDERS = {"cpu", "gpu", "tensorrt", "openvino"}  # salt-doctor tries these
OF_DEVELOPERS = {"tensorrt-check", "bench", "dev"}


def installed(folder: Path, name: str, *requirements: str) -> None:
    """Metadata of a package, as pip leaves them."""
    place = folder / f"{name}-1.0.dist-info"
    place.mkdir()
    lines = [f"Requires-Dist: {each}" for each in requirements]
    head = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    (place / "METADATA").write_text("\n".join([*head, *lines, ""]))


def setup_cfg() -> dict[str, set[str]]:
    """Packages of each extra, as written: without those that come by another extra's name."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return {
        extra: {match.group() for line in text.split("\n") if (match := re.match(r"[\w.-]+", line))}
        for extra, text in parser["options.extras_require"].items()
    }


def test_every_extra_is_a_commands_or_a_parts_or_known_to_be_neither() -> None:
    told = {*packages.OF_COMMANDS.values(), *packages.OF_PARTS}
    assert told | OF_PROVIDERS | OF_DEVELOPERS == set(setup_cfg())
    commands = metadata.distribution("salt-toolkit").entry_points
    assert {each.name for each in commands} == {
        "salt-infer",
        "salt-doctor",
        *packages.OF_COMMANDS,
    }


@pytest.mark.parametrize("extra", [*packages.OF_COMMANDS.values(), *packages.OF_PARTS])
def test_the_packages_are_those_that_the_extra_installs(extra: str) -> None:
    found = {name for name, _ in packages.requirements("salt-toolkit", extra)}
    wanted = setup_cfg()
    inner = wanted["cpu"] | wanted["train"] if extra == "export" else set()
    assert found == wanted[extra] | inner


def test_what_is_not_installed_is_lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(
        tmp_path, "kit", "base>=1", 'absent>=2; extra == "a"', 'half[x, y] ~=1.0; extra == "a"',
        "other; extra == 'b_c'", 'mac; sys_platform == "darwin" and extra == "a"',
    )  # fmt: skip
    installed(tmp_path, "half", 'deep>=1; extra == "x"', 'half; extra == "y"')
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(packages.lacking("kit", "a")) == ["absent", "deep"]
    assert list(packages.lacking("kit", "b-c")) == ["other"]
    assert list(packages.lacking("kit", "none-such")) == []
    installed(tmp_path, "absent")
    installed(tmp_path, "deep")
    assert list(packages.lacking("kit", "a")) == []


def test_the_gpus_runtime_is_a_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    installed(tmp_path, "kit", 'onnxruntime>=1; extra == "export"')
    assert list(packages.lacking("kit", "export")) == ["onnxruntime"]
    installed(tmp_path, "onnxruntime_gpu")
    assert list(packages.lacking("kit", "export")) == []


def test_a_toolkit_that_was_never_installed_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert packages.needs() == ()


@pytest.mark.parametrize(
    ("need", "runs", "line"),
    [
        (Need("salt-report", "report", "", ()), False, "salt-report has its packages"),
        (
            Need("salt-train", "train", "", ("tensorboard", "torch")),
            True,
            "salt-train  lacks tensorboard, torch (pip install 'salt-toolkit[train]')",
        ),
        (
            Need("ray", "ray", "--engine ray", ("ray",)),
            True,
            "ray         --engine ray: lacks ray (pip install 'salt-toolkit[ray]')",
        ),
        (Need("salt-serve", "serve", "", ()), True, "salt-serve  has its packages"),
        (
            Need("salt-serve", "serve", "", ()),
            False,
            "salt-serve  has its packages, and lacks a provider that works",
        ),
    ],
)
def test_what_people_read(need: Need, runs: bool, line: str) -> None:
    assert need.line(runs) == line


def test_nothing_of_the_commands_is_imported() -> None:
    code = (
        "import sys; from salt_infer.doctor import packages; packages.needs(); "
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'pandas', 'matplotlib', 'fastapi', 'ray', "
        "'zarr', 'pyarrow', 'fsspec'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
