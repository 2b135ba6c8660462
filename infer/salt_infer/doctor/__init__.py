"""What works on this machine, and what the rest lacks: what ``salt-doctor`` tells."""
