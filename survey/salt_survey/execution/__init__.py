"""Who runs a survey, and in what pieces: slabs of whole sections, here or on Ray."""
