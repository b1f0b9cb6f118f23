"""The audio tab."""
