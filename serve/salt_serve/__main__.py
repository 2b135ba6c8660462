"""``python -m salt_serve`` is ``salt-serve``."""

from salt_serve import main

main()
