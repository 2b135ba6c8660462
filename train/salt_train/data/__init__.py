"""Labelled tiles: read, examined, dealt to folds."""
