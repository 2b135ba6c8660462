"""A data set explored, a submission examined: each one self-contained page."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-report`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_report.cli import cli

    console.run(cli)
