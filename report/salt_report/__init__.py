"""A data set explored, a submission examined: each one self-contained page."""

from typing import NoReturn

from salt_infer import console


def main() -> NoReturn:
    """Entry point of the ``salt-report`` command."""
    console.launch("salt_report.cli", extra="report")
