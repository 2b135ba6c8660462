"""Epochs of steps: what is drawn, learnt, averaged, watched and kept."""
