"""What a run is to compute: its settings, and the recipes that give them names."""
