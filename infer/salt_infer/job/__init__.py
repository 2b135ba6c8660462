"""One run of ``salt-infer``: its journal, its report, and files that appear whole or not at all."""
