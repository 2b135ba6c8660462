"""``salt-report data``: a labelled data set explored."""
