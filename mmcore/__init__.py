"""Multimodal models that work offline and explain their answers."""

__version__ = "0.1.0"
