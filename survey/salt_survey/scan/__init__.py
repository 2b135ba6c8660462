"""What a survey says of itself: grid, times, statistics, and what was guessed."""
