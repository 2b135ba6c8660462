"""What a network finds in labelled tiles, what it scores, and the threshold and gate for it."""
