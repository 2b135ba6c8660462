"""Checkpoints to self-describing ONNX files."""

from typing import NoReturn

import salt_infer  # noqa: F401  (first, so that ONNX Runtime is told to report nothing)


def main() -> NoReturn:
    """Entry point of the ``salt-export`` command."""
    from salt_infer.cli import console

    with console.importing():
        from salt_export.cli import cli

    console.run(cli)
