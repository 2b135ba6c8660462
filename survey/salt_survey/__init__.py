"""Whole surveys: SEG-Y in, a volume of salt probabilities that lies exactly on it out."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-survey`` command."""
    from salt_infer import console
    from salt_survey.cli import cli

    console.run(cli)
