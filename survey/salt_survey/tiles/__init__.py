"""Tiles with masks cut out of interpreted lines, for a network to learn a survey from."""
