"""One call of ``salt-train``: a fold, or all of them in turn."""
