"""What a user types: ``salt-survey`` and its commands."""
