"""Sections of a survey cut into tiles, run, and blended again."""
