"""Metrics of each task, and speed as a ratio to a reference."""
