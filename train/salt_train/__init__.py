"""Labelled seismic tiles to checkpoints."""

from typing import NoReturn

from salt_infer import console


def main() -> NoReturn:
    """Entry point of the ``salt-train`` command."""
    console.launch("salt_train.cli", extra="train")
