"""Every number that shapes the retriever's contrastive training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContrastiveRecipe:
    """Every number that shapes the training."""

    seed: int = 0
    batch: int = 256
    epochs: int = 14
    labelled_a_epoch: int = 1024
    """Pictures with a label but no caption that are drawn each epoch."""
    pooling_rate: float = 1e-3
    top_rate: float = 1.5e-4
    text_rate: float = 4e-5
    warmup_steps: int = 60
    weight_decay: float = 0.05
    dropout: float = 0.1
    """In the text encoder, and of whole channels of the grid."""
    heads: int = 8
    temperature: float = 0.05
    """Of the start; it is learnt."""
    stay: float = 5.0
    """Weight of the sentence space's nearness to the teacher."""
    know: float = 0.3
    """Weight of the ImageNet distillation."""
    things: int = 96
    """Of the thousand things, how many are drawn for each step."""
    others: int = 32
    """Posts, and labels, whose vectors are kept near the teacher's in each step."""
    average: float = 0.99
