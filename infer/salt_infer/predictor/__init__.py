"""``SaltModel``: tiles in, masks out; the Python API."""
