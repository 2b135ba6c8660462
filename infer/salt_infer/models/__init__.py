"""The default model; ``CARD.md`` beside it tells what it is and how good."""
