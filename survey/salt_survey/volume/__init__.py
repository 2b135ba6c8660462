"""What a finished or growing volume is, and what is made of it: SEG-Y, horizons, counts."""
