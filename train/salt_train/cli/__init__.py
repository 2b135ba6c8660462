"""What a user types: ``salt-train`` and its options."""
