"""One run of ``salt-survey``: its journal, its report, and outputs that appear whole or not."""
