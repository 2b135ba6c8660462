"""Who runs the tiles, and how the steps overlap: threads and processes here, or Ray."""
