"""How a mask is made of probabilities; a mask as text and in a table, its class and its score."""
