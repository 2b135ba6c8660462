"""``python -m salt_infer`` is ``salt-infer``."""

from salt_infer.cli import main

main()
