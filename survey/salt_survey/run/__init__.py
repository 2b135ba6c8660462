"""One run of ``salt-survey``: slabs, who runs them, the volume, what is published."""
