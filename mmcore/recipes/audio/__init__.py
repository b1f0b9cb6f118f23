"""The recipe of the compact audio tagger."""
