"""``python -m salt_infer`` is ``salt-infer``."""

from salt_infer.cli.infer import main

main()
