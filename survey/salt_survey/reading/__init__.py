"""A survey opened: blocks of its amplitudes, whatever file they lie in."""
