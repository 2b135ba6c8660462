"""What a user types: ``salt-infer`` and ``salt-doctor``, their options, their words.

Every command of the toolkit imports this before anything that takes long.
"""

from typing import NoReturn

from salt_infer.cli import interruption

interruption.be_quiet()


def main() -> NoReturn:
    """Entry point of the ``salt-infer`` command."""
    from salt_infer.cli import infer

    infer.main()
