"""What ``peers.py`` is made of: files, processes, answers, standings and their picture."""
