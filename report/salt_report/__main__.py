"""``python -m salt_report`` is ``salt-report``."""

from salt_report import main

main()
