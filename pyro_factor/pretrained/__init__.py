"""Trained models that come with the package: their cards, the command, and how they are made."""
