"""Options are given once, and one value each: in every command there is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from salt_export import cli as export
from salt_infer.cli import doctor, infer, selftest
from salt_report import cli as report
from salt_serve import cli as serve
from salt_survey import synthetic as drawn_surveys
from salt_survey.cli import survey
from salt_train import synthetic
from salt_train.cli import train

ROOTS = [
    infer.cli, doctor.cli, export.cli, report.cli, serve.cli, train.cli, selftest.cli,
    synthetic.cli, survey.cli, drawn_surveys.cli,
]  # fmt: skip


def commands(root: click.Command) -> Iterator[tuple[list[str], click.Command]]:
    """Words that lead to a command, and it."""
    if not isinstance(root, click.Group):
        yield [], root
        return
    for name, command in root.commands.items():
        yield from (([name, *words], found) for words, found in commands(command))


OPTIONS = [
    pytest.param(root, words, option, id=" ".join([str(root.name), *words, option.opts[0]]))
    for root in ROOTS
    for words, command in commands(root)
    for option in command.params
    if isinstance(option, click.Option) and not option.multiple
    if not option.is_flag or option.secondary_opts
]


def test_every_command_is_looked_at() -> None:
    installed = {each.name for each in entry_points(group="console_scripts")}
    ours = {name for name in installed if name.startswith("salt-")}
    assert ours <= {root.name for root in ROOTS}
    assert ours


@pytest.mark.parametrize(("root", "words", "option"), OPTIONS)
def test_an_option_given_twice_is_refused(
    root: click.Command, words: list[str], option: click.Option
) -> None:
    twice = [option.opts[0], "1"] * 2
    if option.is_flag:
        twice = [option.opts[0], option.secondary_opts[0]]
    done = CliRunner().invoke(root, [*words, *twice])
    assert done.exit_code == 2
    assert "is given more than once" in done.output
    assert option.opts[0] in done.output


@pytest.mark.parametrize(
    ("root", "words"),
    [
        pytest.param(root, words, id=" ".join([str(root.name), *words]))
        for root in ROOTS
        for words in [[], *(found for found, _ in commands(root) if found)]
    ],
)
def test_help_has_a_short_name(root: click.Command, words: list[str]) -> None:
    short, long = (CliRunner().invoke(root, [*words, name]) for name in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.output == long.output
    assert "-h, --help" in short.output
    wrong = CliRunner().invoke(root, [*words, "--no-such-option"])
    assert wrong.exit_code == 2
    assert "--help' for help" in wrong.output


def test_flags_may_say_the_same_again() -> None:
    options = ["--overwrite", "--overwrite", "--retry-bad", "--overwrite"]
    done = CliRunner().invoke(infer.cli, options)
    assert "Missing option '--images'" in done.output


def test_names_that_the_shell_made_are_not_all_repeated() -> None:
    names = [f"tiles/{number:04d}.png" for number in range(4000)]
    done = CliRunner().invoke(infer.cli, ["--images", *names, "--out", "x.csv"])
    assert done.exit_code == 2
    assert "Got 3999 unexpected extra arguments ('tiles/0001.png', 'tiles/0002.png', ...)" in (
        " ".join(done.output.split())
    )
    assert "--images takes one value, such as the folder itself" in " ".join(done.output.split())
    assert len(done.output) < 500
    done = CliRunner().invoke(report.cli, ["data", *names])
    assert done.exit_code == 2
    assert len(done.output) < 500


def test_a_single_stray_argument_is_named() -> None:
    done = CliRunner().invoke(infer.cli, ["--images", "tiles", "stray"])
    assert "Got unexpected extra argument 'stray'" in done.output
    assert "if the shell made it of a *, --images takes one value" in " ".join(done.output.split())
    done = CliRunner().invoke(infer.cli, ["stray"])
    assert done.output.rstrip().endswith("Got unexpected extra argument 'stray'")


def test_so_are_surveys() -> None:
    for names in (["a.sgy"] * 2, ["a.sgy", "b.sgy", "c.sgy"]):
        done = CliRunner().invoke(survey.cli, ["run", *names, "--out", "v.zarr"])
        assert done.exit_code == 2
        assert "of a *, IN takes one value" in " ".join(done.output.split())
