"""What the guide believes of clips, how wrong it is, and what ArviZ makes of it."""
