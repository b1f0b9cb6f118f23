"""Teach it your classes: a few pictures or sounds of each, a head in a second, answers with what speaks for them."""
