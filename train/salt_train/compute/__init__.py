"""What a run is computed on: the device, the processes that share the work, their threads."""
