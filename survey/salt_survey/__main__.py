"""``python -m salt_survey`` is ``salt-survey``."""

from salt_survey import main

main()
