"""The sentiment tab."""
