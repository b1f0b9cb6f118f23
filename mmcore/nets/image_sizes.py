"""Sizes of the picture encoder's input and output, for those who need no network."""

INPUT_SIZE = 224
"""Side of the square input in pixels; pictures are resized to it without cropping."""

GRID_SIZE = 7
"""The feature grid has GRID_SIZE x GRID_SIZE cells, each of 32 x 32 input pixels."""
