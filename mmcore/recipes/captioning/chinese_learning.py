"""Cross-entropy training of the Chinese decoder, which begins as the English one.

The layers of the English decoder know how to look at the picture; only the words are new. A Chinese word begins with
the mean embedding of the English words that the bundled dictionary gives for it. The cells of the picture are put into
the decoder's width as for English, and that part stays as it is.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.evaluation.caption_scores import CiderD, characters
from mmcore.nets.caption_decoder import CaptionDecoder, DecoderConfig, Memory
from mmcore.nets.captioner import CompactCaptioner
from mmcore.nets.decoding import LENGTH_POWER, beam_search
from mmcore.nets.vocabulary import PAD, SPECIAL, UNKNOWN, Vocabulary
from mmcore.recipes.captioning.chinese_dataset import ChineseDataset, gloss_words, mirrored, stored
from mmcore.recipes.captioning.trained_decoder import with_pooled_dropout
from mmcore.recipes.optimisation import averaged_model, warm_cosine

FROZEN = ("grid.", "grid_norm.", "cell_position")
"""Parts of the decoder that stay those of the English one."""
SAID = 20
"""Steps between two lines of the log."""
QUICK = 200
"""Dev pictures that are looked at after an epoch."""


def new_decoder(network: CompactCaptioner, vocabulary: Vocabulary, seed: int) -> CaptionDecoder:
    """The English decoder with Chinese words."""
    torch.manual_seed(seed)
    english = network.decoder.config
    decoder = CaptionDecoder(DecoderConfig(**{**english.__dict__, "vocabulary": len(vocabulary)}))
    state = network.decoder.state_dict()
    own = decoder.state_dict()
    vectors = state["embedding.weight"]
    for place, word in enumerate(vocabulary.words):
        known = [network.vocabulary.index[gloss] for gloss in gloss_words(word) if gloss in network.vocabulary.index]
        if place < len(SPECIAL):
            own["embedding.weight"][place] = vectors[place]
        elif known:
            own["embedding.weight"][place] = vectors[known].mean(0)
    for name, value in state.items():
        if name not in ("embedding.weight", "bias"):
            own[name] = value.clone()
    decoder.load_state_dict(own)
    for name, parameter in decoder.named_parameters():
        parameter.requires_grad_(not name.startswith(FROZEN))
    return decoder


class Pictures:
    """Memories of stored pictures."""

    def __init__(self, grid: np.ndarray, tags: Tensor, probabilities: Tensor) -> None:
        self.grid, self.tags, self.probabilities = grid, tags, probabilities

    def memory(self, decoder: CaptionDecoder, rows: list[int], draw: random.Random | None = None) -> Memory:
        """Of these rows; with ``draw``, half of the pictures are mirrored."""
        grid = stored(self.grid, rows)
        if draw is not None:
            turned = torch.tensor([draw.random() < 0.5 for _ in rows])
            grid = torch.where(turned[:, None, None], mirrored(grid), grid)
        cells = grid.transpose(1, 2).unflatten(2, (7, 7))
        return decoder.remember(cells, self.tags[rows], self.probabilities[rows])


@torch.inference_mode()
def write(
    decoder: CaptionDecoder, pictures: Pictures, vocabulary: Vocabulary, rows: list[int], beams: int = 3,
    length_power: float = LENGTH_POWER, max_words: int = 20,
) -> dict[int, str]:  # fmt: skip
    """The best caption of each picture by beam search."""
    decoder.eval()
    out: dict[int, str] = {}
    for start in range(0, len(rows), 50):
        part = rows[start : start + 50]
        found = beam_search(decoder, pictures.memory(decoder, part), beams, 1, max_words, length_power)
        for row, best in zip(part, found, strict=True):
            out[row] = "".join(vocabulary.decode(best[0].tokens))
    return out


def cider_d(written: dict[int, str], references: dict[int, tuple[str, ...]]) -> float:
    """Mean CIDEr-D over characters; document frequencies come from these pictures."""
    judge = CiderD({str(row): references[row] for row in written}, characters)
    return sum(judge.score(str(row), text) for row, text in written.items()) / len(written)


def score_quickly(decoder: CaptionDecoder, pictures: Pictures, material: ChineseDataset) -> float:
    """CIDEr-D of the first QUICK dev pictures."""
    rows = list(material.references)[:QUICK]
    return cider_d(write(decoder, pictures, material.vocabulary, rows), material.references)


def learn(decoder: CaptionDecoder, pictures: Pictures, material: ChineseDataset, work: Path) -> None:
    """Train the decoder and leave it with its averaged weights. Stores ``learnt.pt`` and each epoch's state."""
    recipe = material.recipe
    torch.manual_seed(recipe.seed)
    average = averaged_model(decoder, recipe.average)
    trained = [parameter for parameter in decoder.parameters() if parameter.requires_grad]
    words = [decoder.embedding.weight, decoder.bias]
    others = [parameter for parameter in trained if all(parameter is not word for word in words)]
    optimizer = torch.optim.AdamW(
        [{"params": words, "lr": recipe.words_rate}, {"params": others, "lr": recipe.rate}],
        weight_decay=0.02,
        betas=(0.9, 0.98),
    )
    schedule = warm_cosine(optimizer, recipe.warmup_steps, recipe.epochs * material.batches)
    begun, part = 0, work / "learnt.part.pt"
    parts: dict[str, Any] = {"decoder": decoder, "average": average, "optimizer": optimizer, "schedule": schedule}
    if part.exists():
        state = torch.load(part, weights_only=False)
        begun = state["epochs"]
        for name, value in parts.items():
            value.load_state_dict(state[name])
        torch.set_rng_state(state["generator"])
    with_pooled_dropout(decoder)
    started = time.process_time()
    for epoch in range(begun, recipe.epochs):
        losses: list[float] = []
        for rows, draw in material.epoch(epoch):
            decoder.train()
            memory = pictures.memory(decoder, rows, draw)
            looked_at = decoder.start(memory).memory
            total, said, count = torch.zeros(()), 0.0, 0
            for tokens, owners in material.targets(rows):
                own = memory.select(owners)
                # Keys and values once a picture, for all its captions.
                shared = [(key[owners], value[owners]) for key, value in looked_at]
                hidden = decoder.hidden(tokens[:, :-1], own, looked_at=shared)
                target, mean = decoder.target_log_probabilities(hidden, own, tokens[:, 1:])
                # Words outside the vocabulary are read, never written.
                real = (tokens[:, 1:] != PAD) & (tokens[:, 1:] != UNKNOWN)
                total = total - ((1 - recipe.smoothing) * target + recipe.smoothing * mean)[real].sum()
                said -= float(target.detach()[real].sum())
                count += int(real.sum())
            loss = total / count
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(decoder)
            losses.append(said / count)
            if len(losses) % SAID == 0:
                _say(
                    epoch=epoch + 1,
                    step=len(losses),
                    loss=sum(losses[-SAID:]) / SAID,
                    cpu=time.process_time() - started,
                )
        score = score_quickly(cast("CaptionDecoder", average.module), pictures, material)
        _say(epoch=epoch + 1, loss=sum(losses) / len(losses), cider_d=score, cpu=time.process_time() - started)
        state = {name: value.state_dict() for name, value in parts.items()}
        torch.save({"epochs": epoch + 1, "generator": torch.get_rng_state(), **state}, part.with_suffix(".new"))
        part.with_suffix(".new").rename(part)
    decoder.load_state_dict(average.module.state_dict())
    torch.save(decoder.state_dict(), work / "learnt.pt")


def choose_length_power(decoder: CaptionDecoder, pictures: Pictures, material: ChineseDataset) -> dict[float, float]:
    """CIDEr-D on the dev pictures for each way to help longer captions."""
    rows = list(material.references)
    return {
        power: cider_d(write(decoder, pictures, material.vocabulary, rows, length_power=power), material.references)
        for power in material.recipe.length_powers
    }


def _say(**values: float) -> None:
    print(json.dumps({name: round(value, 4) for name, value in values.items()}), flush=True)
