"""Files of weights: those that runs write, and those that a run can start from."""
