"""The errors of all packages are one tree."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from salt_infer.errors import SaltError, UsageError
from tests.test_layers import PACKAGES


def errors(package: str) -> Iterator[type[SaltError]]:
    for value in vars(importlib.import_module(f"{package}.errors")).values():
        if isinstance(value, type) and issubclass(value, SaltError):
            yield value


@pytest.mark.parametrize("package", PACKAGES)
def test_bad_usage_is_one_kind_of_error(package: str) -> None:
    """Who calls the packages from Python can catch it as such; commands exit with 2."""
    for error in errors(package):
        assert (error.exit_code == 2) == issubclass(error, UsageError), error
