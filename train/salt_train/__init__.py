"""Labelled seismic tiles to checkpoints."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-train`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_train.cli import cli

    console.run(cli)
