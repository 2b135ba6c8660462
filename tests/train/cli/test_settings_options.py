"""What the options and --set make of a recipe, as --dry-run shows it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from salt_infer.errors import SaltError
from salt_train.cli.train import cli


def dry(*arguments: str) -> list[str]:
    """Lines of a dry run; raises as it does."""
    result = CliRunner().invoke(
        cli, ["--dry-run", *arguments], catch_exceptions=False, standalone_mode=False
    )
    if isinstance(result.exception, SaltError | click.ClickException):
        raise result.exception
    return result.output.splitlines()


def test_a_fold_of_thousands_of_digits_is_no_number() -> None:
    with pytest.raises(SaltError, match=r"^fold is '1{100}'\.\.\. \(5000 characters\), expected a"):
        dry("--fold", "1" * 5000)
    with pytest.raises(SaltError, match=r"^fold is 11 of 10, expected 0 <= fold"):
        dry("--fold", "11")
