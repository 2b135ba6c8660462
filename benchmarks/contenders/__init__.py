"""Ways from a folder of PNGs to a submission with one network: one short program each.

Each is what its user would have written, and is run as ``python -m contenders.NAME``. What all of
them must do alike (which tiles, what a row is) is in :mod:`contenders.common`. None of them reports
to the makers of what it runs on.
"""

import salt_infer  # noqa: F401  (sets the switches of :mod:`salt_infer.system.privacy`)
