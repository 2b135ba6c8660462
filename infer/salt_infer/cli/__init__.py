"""What a user types: ``salt-infer`` and ``salt-doctor``, their options, their words."""

from typing import NoReturn


def main() -> NoReturn:
    """Entry point of the ``salt-infer`` command."""
    from salt_infer.cli import infer

    infer.main()
