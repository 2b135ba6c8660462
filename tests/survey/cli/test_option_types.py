from __future__ import annotations

import pytest
from click.testing import CliRunner

from salt_infer.errors import UsageError
from salt_survey.cli.option_types import size
from salt_survey.cli.survey import cli


@pytest.mark.parametrize(
    ("text", "count"),
    [("1GiB", 2**30), ("1.5 KiB", 1536), ("800MB", 800_000_000), ("4096", 4096), ("7b", 7)],
)
def test_sizes_have_units(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "GiB", "-1GiB", "1 PB", "1i", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="the size is"):
        size(text)


@pytest.mark.parametrize("words", [["scan", ""], ["run", "in.sgy", "--out", ""]])
def test_an_empty_path_is_not_the_current_folder(words: list[str]) -> None:
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2
    assert "the path is empty" in done.output
