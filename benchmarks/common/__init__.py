"""What several scripts measure and write with; nothing here is run by itself."""
