"""The web page, and the same over HTTP for programs."""

from typing import NoReturn

from salt_infer import console


def main() -> NoReturn:
    """Entry point of the ``salt-serve`` command."""
    console.launch("salt_serve.cli", extra="serve")
