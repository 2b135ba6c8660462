"""Files, locks, processors, threads and signals of the machine."""
