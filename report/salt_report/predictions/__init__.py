"""``salt-report look``: masks that there is no truth for, looked at."""
