"""Guided lessons whose numbers, pictures and maps come live from the bundled models."""
