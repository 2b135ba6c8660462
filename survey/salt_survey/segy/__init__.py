"""SEG-Y files: raw headers and samples by numpy, every byte of the input kept on the way back."""
