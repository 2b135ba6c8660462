"""Labelled seismic tiles to checkpoints."""

from typing import NoReturn

import salt_infer.former
from salt_train import former

salt_infer.former.find("salt_train", former.NAMES)


def main() -> NoReturn:
    """Entry point of the ``salt-train`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_train.cli.train import cli

    console.run(cli)
