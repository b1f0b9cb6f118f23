"""Tiny networks whose word maps are known, because their weights are written by hand.

A red patch and a blue patch are looked at equally, nothing else is. What is read from the red patch makes the word
"red" likelier and nothing else; the blue patch does so for "blue". Everything else in the networks does nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from tests import tiny

RED, BLUE = 30, 31
"""Dimensions of the decoder that hold the evidence for the two words."""

CORNERS = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}


def picture(red: str, blue: str, side: int = 96) -> Image.Image:
    """A black picture with a red and a blue square, half the side wide, in two of its corners."""
    image = Image.new("RGB", (side, side))
    for corner, colour in ((red, (255, 0, 0)), (blue, (0, 0, 255))):
        row, column = CORNERS[corner]
        top, left = row * side // 2, column * side // 2
        ImageDraw.Draw(image).rectangle((left, top, left + side // 2 - 1, top + side // 2 - 1), fill=colour)
    return image


def opposite(corner: str) -> str:
    row, column = CORNERS[corner]
    return next(name for name, place in CORNERS.items() if place == (1 - row, 1 - column))


def see_colours(conv: Any) -> None:
    """Make a convolution over pixels give, at its first channels, (red - green, blue - green, 1, -1)."""
    conv.weight.zero_()
    conv.bias.zero_()
    taps = conv.weight[0, 0].numel()
    for channel, colour in ((0, 0), (1, 2)):
        for source, sign in ((colour, 6.0), (1, -6.0)):
            conv.weight[channel, source] = sign * OPENAI_CLIP_STD[source] / taps
            conv.bias[channel] += sign * OPENAI_CLIP_MEAN[source]
    conv.bias[2], conv.bias[3] = 1.0, -1.0


def silence(*modules: Any) -> None:
    """Make layers give zero, so that the residual path passes by them."""
    for module in modules:
        module.weight.zero_()
        if module.bias is not None:
            module.bias.zero_()


def look_at_colours(query: Any, key: Any, value: Any, out: Any, heads: int = 4) -> None:
    """Cross-attention to red and blue states alike, which carries each colour to its own dimension."""
    silence(query, key, value, out)
    width = query.out_features // heads
    for head in range(heads):
        query.bias[head * width] = 1.0
        key.weight[head * width, :2] = 4.0
    value.weight[0, 0] = value.weight[1, 1] = 1.0
    out.weight[RED, 0] = out.weight[BLUE, 1] = 0.3


def name_colours(embedding: Any, red: int, blue: int) -> None:
    """Output layer: the evidence dimensions speak for one word each; next to that, other words hardly differ."""
    embedding.mul_(0.2)
    embedding[:, RED:] = 0.0
    embedding[red, RED] = embedding[blue, BLUE] = 3.0


@torch.no_grad()
def blip(folder: Path) -> Path:
    """A BLIP with 6 x 6 patches that sees as described above."""
    network = tiny.blip_network()
    vision, decoder = network.vision_model, network.text_decoder
    see_colours(vision.embeddings.patch_embedding)
    vision.embeddings.position_embedding.zero_()
    vision.embeddings.class_embedding.zero_()
    vision.embeddings.class_embedding[..., 2:4] = torch.tensor([1.0, -1.0])
    for layer in vision.encoder.layers:
        silence(layer.self_attn.projection, layer.mlp.fc2)
    embeddings = decoder.bert.embeddings
    embeddings.position_embeddings.weight[:, RED:] = 0.0
    words = tiny.bert_tokenizer().get_vocab()
    name_colours(embeddings.word_embeddings.weight, words["red"], words["blue"])
    for layer in decoder.bert.encoder.layer:
        silence(layer.attention.output.dense, layer.output.dense)
        cross = layer.crossattention
        look_at_colours(cross.self.query, cross.self.key, cross.self.value, cross.output.dense)
    transform = decoder.cls.predictions.transform
    silence(transform.dense)
    transform.dense.weight.fill_diagonal_(1.0)
    return tiny.blip(folder, network=network)


@torch.no_grad()
def florence2(folder: Path) -> Path:
    """A Florence-2 with 4 x 4 patches that sees as described above."""
    network, processor = tiny.florence2_network()
    tower = network.model.vision_tower
    for stage, conv in enumerate(tower.convs):
        if stage == 0:
            see_colours(conv.conv)
        else:  # pass the first four channels on, in the end those of the pixels in the middle of each patch
            silence(conv.conv)
            tap = 2 if stage == 3 else 1
            for channel in range(4):
                conv.conv.weight[channel, channel, tap, tap] = 1.0
    for block in (layer for stage in tower.blocks for layer in stage):
        for part in (block.spatial_block, block.channel_block):
            silence(part.conv1, part.conv2, part.ffn.fc2)
        silence(block.spatial_block.window_attn.proj, block.channel_block.channel_attn.proj)
    projector = network.model.multi_modal_projector
    projector.image_position_embed.row_embeddings.weight.zero_()
    projector.image_position_embed.column_embeddings.weight.zero_()
    projector.visual_temporal_embed.pos_idx_to_embed.zero_()
    projector.image_projection.weight.zero_()
    projector.image_projection.weight[:4, :4].fill_diagonal_(1.0)
    language = network.model.language_model
    vocabulary = processor.tokenizer.get_vocab()
    language.shared.weight[:, :2] = 0.0
    name_colours(language.shared.weight, vocabulary["\u0120red"], vocabulary["\u0120blue"])
    language.encoder.embed_positions.weight.zero_()
    language.decoder.embed_positions.weight[:, RED:] = 0.0
    for layer in language.encoder.layers:
        silence(layer.self_attn.out_proj, layer.fc2)
    for layer in language.decoder.layers:
        silence(layer.self_attn.out_proj, layer.fc2)
        cross = layer.encoder_attn
        look_at_colours(cross.q_proj, cross.k_proj, cross.v_proj, cross.out_proj)
    return tiny.save_florence2(folder, network, processor)
