"""Modules by the names that they had before."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import salt_train.former
from salt_infer import former


@pytest.mark.parametrize("name", sorted(former.NAMES))
def test_a_former_name_gives_the_module_itself(name: str) -> None:
    is_the_same("salt_infer", name, former.NAMES[name])


@pytest.mark.parametrize("name", sorted(salt_train.former.NAMES))
def test_so_it_does_in_other_packages(name: str) -> None:
    is_the_same("salt_train", name, salt_train.former.NAMES[name])


def is_the_same(package: str, name: str, now: str) -> None:
    module = importlib.import_module(f"{package}.{now}")
    before = module.__spec__
    assert importlib.import_module(f"{package}.{name}") is module
    assert module.__spec__ is before
    assert module.__name__ == f"{package}.{now}"


def test_it_is_asked_for_as_any_module() -> None:
    code = (
        "from salt_infer import rle, metric; from salt_infer.labels import Labels\n"
        "from salt_infer.data import labels; print(Labels is labels.Labels)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_name_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"salt_infer\.nothing"):
        importlib.import_module("salt_infer.nothing")


def test_looking_for_them_twice_changes_nothing() -> None:
    before = list(sys.meta_path)
    former.find("salt_infer", former.NAMES)
    assert sys.meta_path == before
