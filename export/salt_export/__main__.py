"""``python -m salt_export`` is ``salt-export``."""

from salt_export import main

main()
