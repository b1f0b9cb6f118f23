"""The table of checkpoints, where their weights lie, and how they come here."""
