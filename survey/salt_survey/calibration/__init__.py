"""Interpreted lines, and the zoom and polarity that they ask for."""
