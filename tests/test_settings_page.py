"""docs/settings.md is what the settings say of themselves."""

from __future__ import annotations

import re

from salt_train.settings.config import Stage
from salt_train.settings.overrides import flat
from salt_train.settings.recipes import RECIPES
from tests import settings_page
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()


def test_the_page_is_what_the_settings_say() -> None:
    """If not: python -m tests.settings_page > docs/settings.md."""
    assert settings_page.page() == PAGE


def test_it_has_every_key() -> None:
    keys = {re.sub(r"\.\d+\.", ".N.", key) for key in flat(RECIPES["cpu"].config.to_json())}
    assert set(re.findall(r"^\| `([\w.]+)` \|", PAGE, flags=re.M)) == keys


def test_names_that_are_allowed_are_there() -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `stages.N.loss` ")]
    assert "| `bce`, `focal`, `dice`, `lovasz`, `symmetric-lovasz` | `bce`, then `lovasz` |" in row


def test_a_docstring_is_read_entry_by_entry() -> None:
    told = settings_page.meanings(Stage)
    assert (told["learning_rate"], told["floor_rate"]) == ("the highest rate.", "the lowest rate.")
    assert told["average"].endswith('Better Generalization", 2018).')
