"""Checkpoints to self-describing ONNX files."""

from typing import NoReturn

from salt_infer import console


def main() -> NoReturn:
    """Entry point of the ``salt-export`` command."""
    console.launch("salt_export.cli", extra="export")
