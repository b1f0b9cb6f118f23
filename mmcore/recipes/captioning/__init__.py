"""The recipe of the compact captioner."""
