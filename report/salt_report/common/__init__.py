"""What both reports are made from: files read, pages, charts, pictures."""
