"""Seeded nucleus sampling for transformers' generate()."""

from __future__ import annotations

from typing import cast

import torch
from transformers.generation.logits_process import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from mmcore.results import AskOptions, CaptionOptions


class NucleusDraw(LogitsProcessor):
    """Nucleus sampling (Holtzman et al., ICLR 2020) with a random generator of its own for each picture.

    It draws a token and rules out all others, so that a greedy search follows the draw. The process-wide random state
    is neither read nor changed, the same seed gives the same captions in any thread, on any device and in any batch.
    A picture alone gets exactly the captions of ``generate(do_sample=True)`` after ``torch.manual_seed(seed)``.
    """

    def __init__(self, options: AskOptions | CaptionOptions, pictures: int) -> None:
        self.warpers = LogitsProcessorList()
        if options.temperature != 1.0:
            self.warpers.append(TemperatureLogitsWarper(options.temperature))
        if options.top_p < 1.0:
            self.warpers.append(TopPLogitsWarper(options.top_p))
        self.generators = [torch.Generator().manual_seed(options.seed) for _ in range(pictures)]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores (B * N, V) -> 0 for the drawn token, -inf for the others."""
        probabilities = self.warpers(input_ids, scores).float().softmax(-1).cpu()
        pictures = probabilities.chunk(len(self.generators))
        drawn = [torch.multinomial(rows, 1, generator=g) for rows, g in zip(pictures, self.generators, strict=True)]
        chosen = torch.full_like(scores, -torch.inf).scatter(1, torch.cat(drawn).to(scores.device), 0.0)
        return cast(torch.FloatTensor, chosen)
