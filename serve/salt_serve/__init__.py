"""The web page, and the same over HTTP for programs."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-serve`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_serve.cli import cli

    console.run(cli)
