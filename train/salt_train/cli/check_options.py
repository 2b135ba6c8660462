"""The options that have a data set examined and nothing trained."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from salt_infer.cli import console
from salt_infer.system.output_checks import check_output
from salt_infer.system.output_locks import writing
from salt_infer.system.whole_files import write_whole
from salt_train.cli.settings_options import is_given
from salt_train.data import data_checks

_HEEDED = ("data", "missing_as_empty", "check_data", "report", "overwrite")


@dataclasses.dataclass(frozen=True)
class AskedCheck:
    """What was asked for.

    Attributes:
        wanted: examine the data set, and stop.
        report: where to write all that is found, as JSON.
        overwrite: replace a report that exists.
    """

    wanted: bool
    report: Path | None
    overwrite: bool

    def __post_init__(self) -> None:
        """Raise UsageError where one is there without another that it needs."""
        if self.report and not self.wanted:
            raise click.UsageError(
                "--report is what --check-data finds; a run writes all it has to tell into --out."
            )
        if self.overwrite and not self.report:
            raise click.UsageError(
                "--overwrite replaces the --report of --check-data; what is in --out is never "
                "replaced: give a run a folder of its own."
            )

    def examine(self, data: Path, missing_as_empty: bool) -> int:
        """Tell what is found, and write it; the exit code.

        Raises:
            SaltError: there is nothing to examine, or the report cannot be written.
        """
        if self.report:
            check_output(self.report, ".json", (data,), self.overwrite)
        with writing(self.report) as unlocked:
            if unlocked:
                console.note("salt-train", unlocked)
            found = data_checks.check(data, missing_as_empty)
            if self.report:
                write_whole(self.report, found.to_json().encode(), self.overwrite)
        click.echo(found.to_text(self.report))
        return 0 if found.ok else 1


_OPTIONS = (
    click.option(
        "--check-data", is_flag=True, help="Examine --data and stop; exit 1 if it is faulty."
    ),
    click.option(
        "--report", type=console.PATH, metavar="FILE.json",
        help="Write all that --check-data finds as JSON, with every tile by name.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace a --report that exists."),
)  # fmt: skip


def check_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, and hand them to it as ``check``, an AskedCheck."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, check_data: bool, report: Path | None, overwrite: bool, **others: Any
    ) -> None:
        command(*arguments, check=AskedCheck(check_data, report, overwrite), **others)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed


def tell_unused(context: click.Context) -> None:
    """Say what an examination passes over: one who puts it after a run's own options may wonder."""
    others = [
        (option.opts if context.params[str(option.name)] else option.secondary_opts or option.opts)[
            0
        ]
        for option in context.command.params
        if option.name not in _HEEDED and is_given(context, str(option.name))
    ]
    if others:
        console.note(
            "salt-train",
            f"--check-data prints what it finds in --data and stops: not used: "
            f"{', '.join(others)} (salt-report data writes a page about a data set)",
        )
