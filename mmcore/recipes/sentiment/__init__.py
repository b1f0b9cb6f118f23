"""The recipe of the compact sentiment model and of the Lab's made-up posts."""
