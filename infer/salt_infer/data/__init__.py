"""Where tiles and true masks lie, and the pixels of a PNG."""
