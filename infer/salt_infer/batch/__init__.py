"""One batch of tiles: its views, what a model says of it, what needs a second pass."""
