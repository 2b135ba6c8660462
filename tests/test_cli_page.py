"""docs/cli.md is what the commands say of themselves; if not: python -m tests.cli_page."""

from __future__ import annotations

import pytest

from tests import cli_page
from tests.conftest import ROOT

COMMANDS = cli_page.commands()
PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_commands_and_what_is_below_them_are_found() -> None:
    assert {"salt-infer", "salt-doctor", "salt-survey scan", "salt-report data"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_the_help_of_every_command(command: str) -> None:
    """If not: python -m tests.cli_page > docs/cli.md."""
    assert cli_page.section(command) in PAGE


def test_the_page_has_nothing_else() -> None:
    """Such as a command that is gone."""
    assert cli_page.page() == PAGE
