"""Whole surveys: SEG-Y in, a volume of salt probabilities that lies exactly on it out."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-survey`` command."""
    from salt_infer.cli import console
    from salt_survey.cli.survey import cli

    console.run(cli)
