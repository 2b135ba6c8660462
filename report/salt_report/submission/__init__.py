"""``salt-report evaluate``: a submission examined."""
