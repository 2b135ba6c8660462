"""A mask as text and in a table, its class and its score."""
