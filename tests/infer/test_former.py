"""Modules by the names that they had before."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from salt_infer import former


@pytest.mark.parametrize("name", sorted(former.NAMES))
def test_a_former_name_gives_the_module_itself(name: str) -> None:
    module = importlib.import_module(f"salt_infer.{former.NAMES[name]}")
    before = module.__spec__
    assert importlib.import_module(f"salt_infer.{name}") is module
    assert module.__spec__ is before
    assert module.__name__ == f"salt_infer.{former.NAMES[name]}"


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
    former.find()
    assert sys.meta_path == before
