"""Checkpoints to self-describing ONNX files."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-export`` command."""
    from salt_export.cli import cli
    from salt_infer import console

    console.run(cli)
