"""Our own fusion heads over the bundled dual encoder, behind the SentimentJudge protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmcore.checkpoints.registry import Checkpoint, find
from mmcore.errors import InputError, WeightsError
from mmcore.families import compact_dual
from mmcore.families._encoder_cache import EncoderCache
from mmcore.families._languages import require_latin
from mmcore.families._lexicon import NAMES, lexicon_scores
from mmcore.families._resize import pixels_of
from mmcore.families.base import SentimentJudge, bytes_of
from mmcore.families.compact_dual import CompactDual, tokens_of
from mmcore.nets import fusion as fusions
from mmcore.nets.fusion import Fusion, FusionConfig, inputs_from
from mmcore.nets.image_sizes import GRID_SIZE
from mmcore.nets.post_features import REGIONS, Looks, PostFeatures, look
from mmcore.nets.text_alone import TextAlone, TextAloneConfig, states_below
from mmcore.results.fusion_views import FusionView, PostViews
from mmcore.results.posts import EncodedPosts
from mmcore.results.sentiment import Post, SentimentPrediction, SentimentScores
from mmcore.types import Floats

ENCODER = "compact-retriever"
READ = ("trunk.", "top.", "pooling.", "knowing", "text.")
"""Beginnings of the names of the encoder's tensors that features are made with."""
MAX_WORDS = 48
"""Tokens of a text that are kept as words; the sentence vector is made of all that the encoder reads."""
CHUNK = 32
"""Texts, or grids, that are computed at once."""
TEXT_ALONE = "text-alone.safetensors"
"""Beside model.safetensors, where a checkpoint has it; its sizes are ``text_alone`` in config.json."""


class CompactSentiment:
    """SentimentJudge protocol over ``nets/fusion.py``. It reads English, in Latin letters."""

    regions = (GRID_SIZE, GRID_SIZE)
    cheap_regions = True

    def __init__(
        self,
        checkpoint: Checkpoint,
        encoder: CompactDual,
        features: PostFeatures,
        heads: Mapping[str, Fusion],
        fingerprint: str,
        text_alone: TextAlone | None = None,
    ) -> None:
        self.checkpoint, self.device = checkpoint, encoder.device
        self.encoder, self.post_features, self.heads = encoder, features, dict(heads)
        self.fusions = tuple(heads)
        self.fingerprint = fingerprint
        """Of the encoder: a head fits only the numbers that it was trained on."""
        self.text_alone = text_alone
        """Judges posts without a picture in place of the bundled heads, which read its opinion beside one.

        Where it is None, they read less and answer for both."""
        self._looks: EncoderCache[Looks] = EncoderCache()
        self._own: dict[tuple[Path, int], Fusion] = {}

    def memory(self) -> int:
        """Bytes of the weights, the encoder's among them."""
        alone = () if self.text_alone is None else (self.text_alone,)
        modules = (self.post_features, *self.heads.values(), *alone)
        values = (value for module in modules for value in module.state_dict().values())
        return self.encoder.memory() + bytes_of(values)

    # From posts to numbers

    @torch.inference_mode()
    def encode(self, posts: Sequence[Post]) -> EncodedPosts:
        """The numbers of each post, as a FeatureSet holds them. Words of other scripts are read as unknown ones."""
        words, counts, text = self._texts([post.text for post in posts])
        regions, image = self._pictures(self._looked_at([post.image for post in posts]))
        there = np.array([post.image is not None for post in posts], bool)
        return EncodedPosts(
            words=words,
            word_counts=counts,
            text=text,
            regions=_spread(regions, there),
            image=_spread(image, there),
            has_image=there,
        )

    def _texts(
        self, texts: Sequence[str | None]
    ) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int64], npt.NDArray[np.float16]]:
        """Words (K, MAX_WORDS, W), their counts (K,), the whole (K, D); zeros for a text that is missing."""
        given = [text for text in texts if text]
        words = np.zeros((len(given), MAX_WORDS, self.post_features.word_axes.shape[1]), np.float16)
        whole = np.zeros((len(given), self.text_size), np.float16)
        counts = np.zeros(len(given), np.int64)
        network = self.encoder.network
        lengths = [len(entry) for entry in self.encoder.tokenizer.encode_batch(given)]
        alike = np.argsort(lengths, kind="stable")  # texts of about one length side by side: little is padded
        for start in range(0, len(given), CHUNK):
            chunk = alike[start : start + CHUNK]
            some = [given[place] for place in chunk]
            tokens, mask = (value.to(self.device) for value in tokens_of(self.encoder.tokenizer, some))
            lexicon = np.stack([lexicon_scores(text) for text in some])
            states, opinions = self._states(lexicon, tokens, mask)
            found, vectors = self.post_features.text(states, mask.to(network.log_scale.dtype))
            # The first token is <cls>, the last <sep>: they stand for the sentence, not for a word.
            number = np.clip(mask.sum(1).long().cpu().numpy() - 2, 1, MAX_WORDS)
            inner = found[:, 1 : 1 + MAX_WORDS].float().cpu().numpy()
            inner[np.arange(inner.shape[1]) >= number[:, None]] = 0
            words[chunk, : inner.shape[1]] = inner
            counts[chunk] = number
            whole[chunk] = np.concatenate([vectors.float().cpu().numpy(), lexicon, *opinions], 1)
        there = np.array([bool(text) for text in texts], bool)
        return _spread(words, there), _spread(counts, there), _spread(whole, there)

    @property
    def text_size(self) -> int:
        """D, the length of the text's numbers."""
        opinion = 0 if self.text_alone is None else self.text_alone.config.opinion
        return self.encoder.network.text.config.width + len(NAMES) + opinion

    def _states(self, lexicon: Floats, tokens: Tensor, mask: Tensor) -> tuple[Tensor, list[Floats]]:
        """The encoder's states (B, T, C) of texts, and the opinion of the network of bare texts where there is one.

        ``lexicon`` (B, 21) is what the word lists say of the same texts.
        """
        encoder, model = self.encoder.network.text, self.text_alone
        if model is None:
            return encoder(tokens, mask), []
        below = states_below(encoder, tokens, mask, model.config.layers)
        opinion = model.opinion(below, mask.to(below.dtype), self._counted(model, lexicon, tokens, mask, below.dtype))
        return encoder.above(below, mask, model.config.layers), [opinion.float().cpu().numpy()]

    def _counted(self, model: TextAlone, lexicon: Floats, tokens: Tensor, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """What ``TextAlone.forward`` wants beside the states: log-ratios of the tokens, and the word lists."""
        ids = [row[real].cpu().numpy() for row, real in zip(tokens, mask.bool(), strict=True)]
        return torch.cat([model.ratios(ids).float().cpu(), torch.from_numpy(lexicon)], 1).to(self.device, dtype)

    def _looked_at(self, images: Sequence[Image.Image | None]) -> Looks | None:
        """What is seen of those of the pictures that are there (K), None for none; the last batch is remembered.

        A picture that comes several times (the same object) is looked at once.
        """
        given = [image for image in images if image is not None]
        if not given:
            return None
        different = list({id(image): image for image in given}.values())

        def make() -> Looks:
            return look(self.encoder.network, pixels_of(different).to(self.device))

        if len(different) == 1:
            looks, row = self._looks.row(different[0], make)
            looks = looks.rows(slice(row, row + 1))
        else:
            looks = self._looks.batch(different, make)
        if len(different) == len(given):
            return looks
        places = {id(image): place for place, image in enumerate(different)}
        return looks.rows([places[id(image)] for image in given])

    def _pictures(self, looks: Looks | None) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
        """What is seen of K pictures -> regions (K, R, V) and the whole (K, P)."""
        width = self.encoder.network.text.config.width
        if looks is None:
            regions = np.zeros((0, REGIONS**2, self.post_features.region_axes.shape[1]), np.float16)
            return regions, np.zeros((0, 2 * width), np.float16)
        starts = range(0, len(looks.grid), CHUNK)
        chunks = [looks.rows(slice(start, start + CHUNK)) for start in starts]
        found = [self.post_features.picture(self.encoder.network, chunk) for chunk in chunks]
        seen, whole = (torch.cat(parts).float().cpu().numpy().astype(np.float16) for parts in zip(*found, strict=True))
        return seen, whole

    # From numbers to answers

    @torch.inference_mode()
    def judge(self, posts: Sequence[Post], fusion: str | Path = "") -> list[SentimentPrediction]:
        """See ``SentimentJudge.judge``."""
        require_latin(self.checkpoint, [post.text for post in posts if post.text])
        own = isinstance(fusion, Path)
        there = self.text_alone is not None
        bare = [row for row, post in enumerate(posts) if there and post.text and post.image is None]
        fused = [row for row in range(len(posts)) if own or row not in bare]
        found = dict(zip(fused, self._fused([posts[row] for row in fused], fusion), strict=True)) if fused else {}
        answers = self._alone([posts[row].text for row in bare]).tolist() if bare else []
        for row, answer in zip(bare, answers, strict=True):
            # Nothing is to be fused: all bundled heads give way. A head of one's own keeps its answer.
            alone = SentimentScores(*answer)
            given = found.get(row, SentimentPrediction(alone, None, (), ()))
            kept = [(name, scores) for name, scores in given.fusions if name not in self.fusions]
            found[row] = replace(
                given,
                fusions=(*((name, alone) for name in self.fusions if not kept or name != kept[0][0]), *kept),
                gates=given.gates or tuple((name, (1.0, 0.0)) for name in self.fusions if self.heads[name].gated),
            )
        return [found[row] for row in range(len(posts))]

    def _fused(self, posts: Sequence[Post], fusion: str | Path) -> list[SentimentPrediction]:
        """The heads' answers."""
        inputs = inputs_from(self.encode(posts), np.arange(len(posts)))
        asked = self._head(fusion)
        heads = {**self.heads, fusion.name: asked} if isinstance(fusion, Path) else self.heads
        together = {name: head.probabilities(inputs).tolist() for name, head in heads.items()}
        gates = {name: gate.tolist() for name, head in heads.items() if (gate := head.gate(inputs)) is not None}
        text = asked.probabilities(inputs.only(image=False)).tolist()
        image = asked.probabilities(inputs.only(text=False)).tolist()
        return [
            SentimentPrediction(
                text=SentimentScores(*text[row]) if post.text else None,
                image=SentimentScores(*image[row]) if post.image is not None else None,
                fusions=tuple((name, SentimentScores(*values[row])) for name, values in together.items()),
                gates=tuple((name, (values[row][0], values[row][1])) for name, values in gates.items()),
            )
            for row, post in enumerate(posts)
        ]

    @torch.inference_mode()
    def with_texts(self, post: Post, texts: Sequence[str | None], fusion: str | Path = "") -> Floats:
        """See ``SentimentJudge.with_texts``."""
        if self.text_alone is not None and post.image is None and not isinstance(fusion, Path):
            return self._alone(texts)
        words, counts, text = self._texts(texts)
        regions, image = self._pictures(self._looked_at([post.image]))
        there = np.full(len(texts), post.image is not None)
        encoded = EncodedPosts(
            words=words,
            word_counts=counts,
            text=text,
            regions=_spread(np.repeat(regions, len(texts), 0), there),
            image=_spread(np.repeat(image, len(texts), 0), there),
            has_image=there,
        )
        return self._answers(encoded, fusion)

    @torch.inference_mode()
    def with_regions(self, post: Post, kept: npt.NDArray[np.bool_], fusion: str | Path = "") -> Floats:
        """See ``SentimentJudge.with_regions``: a region that is not kept becomes the average cell of all pictures."""
        looks = self._looked_at([post.image])
        if looks is None:
            raise ValueError("a post without a picture has no regions")
        words, counts, text = self._texts([post.text])
        mask = torch.from_numpy(kept).to(self.device)
        found = self.post_features.picture_without(self.encoder.network, looks, mask)
        regions, image = (part.float().cpu().numpy().astype(np.float16) for part in found)
        encoded = EncodedPosts(
            words=np.repeat(words, len(kept), 0),
            word_counts=np.repeat(counts, len(kept), 0),
            text=np.repeat(text, len(kept), 0),
            regions=regions,
            image=image,
            has_image=np.ones(len(kept), bool),
        )
        return self._answers(encoded, fusion)

    @torch.inference_mode()
    def word_attention(self, post: Post, spans: Sequence[tuple[int, int]], fusion: str | Path = "") -> Floats | None:
        """See ``SentimentJudge.word_attention``; a word of several tokens gets the mean of their maps."""
        if not post.text or post.image is None:
            return None
        looks = self._head(fusion).attention(inputs_from(self.encode([post]), np.arange(1)))
        if looks is None:
            return None
        offsets = self.encoder.tokenizer.encode(post.text).offsets[1:-1][:MAX_WORDS]
        maps = looks[0].view(-1, REGIONS, REGIONS).float().numpy()
        even = np.full((REGIONS, REGIONS), 1 / REGIONS**2, np.float32)
        out = np.zeros((len(spans), REGIONS, REGIONS), np.float32)
        for place, (start, end) in enumerate(spans):
            tokens = [at for at, (left, right) in enumerate(offsets) if left < end and right > start]
            out[place] = maps[tokens].mean(0) if tokens else even
        return out / out.sum((1, 2), keepdims=True)

    @torch.inference_mode()
    def opinions(self, posts: EncodedPosts) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits (N, 3) that ``weighted`` gives to the text alone and to the picture alone of encoded posts."""
        steps = self.heads["weighted"].on_the_way(inputs_from(posts, np.arange(len(posts.has_image))))
        return steps["text_logits"].float().numpy(), steps["image_logits"].float().numpy()

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text that are kept as words, as they stand in it."""
        offsets = self.encoder.tokenizer.encode(text).offsets[1:-1][:MAX_WORDS]
        return [text[start:end] for start, end in offsets]

    @torch.inference_mode()
    def views(self, post: Post, spans: Sequence[tuple[int, int]]) -> PostViews:
        """What every bundled fusion computes for a post that has both, with both and with each alone.

        ``spans`` are the places of the words in the text. Raises InputError for another script.
        """
        require_latin(self.checkpoint, [post.text or ""])
        encoded = self.encode([post])
        inputs = inputs_from(encoded, np.arange(1))
        found = []
        for name, head in self.heads.items():
            for place, (text, image) in enumerate(((True, True), (True, False), (False, True))):
                view = inputs.only(text=text, image=image)
                values = {key: value[0].float().numpy() for key, value in head.on_the_way(view).items()}
                scores = SentimentScores(*head.probabilities(view)[0].tolist())
                found.append(FusionView(name, text, image, values, float(head.temperatures[place]), scores))
        attention = self.word_attention(post, spans, "cross_attention")
        if attention is None:
            raise ValueError("cross-attention needs both a text and a picture")
        words = tuple((post.text or "")[start:end] for start, end in spans)
        return PostViews(
            encoded.text[0].astype(np.float32), encoded.image[0].astype(np.float32), words, attention, tuple(found)
        )

    def _alone(self, texts: Sequence[str | None]) -> Floats:
        """Probabilities (K, 3) of texts that have no picture; of a text that is missing, all alike."""
        assert self.text_alone is not None
        network, model = self.encoder.network, self.text_alone
        given = [text for text in texts if text]
        found = np.full((len(given), fusions.CLASSES), 1 / fusions.CLASSES, np.float32)
        for start in range(0, len(given), CHUNK):
            chunk = given[start : start + CHUNK]
            tokens, mask = (value.to(self.device) for value in tokens_of(self.encoder.tokenizer, chunk))
            states = states_below(network.text, tokens, mask, model.config.layers)
            lexicon = np.stack([lexicon_scores(text) for text in chunk])
            counted = self._counted(model, lexicon, tokens, mask, states.dtype)
            answers = model.probabilities(states, mask.to(states.dtype), counted)
            found[start : start + CHUNK] = answers.float().cpu().numpy()
        out = np.full((len(texts), fusions.CLASSES), 1 / fusions.CLASSES, np.float32)
        out[[bool(text) for text in texts]] = found
        return out

    def _answers(self, encoded: EncodedPosts, fusion: str | Path) -> Floats:
        """Calibrated probabilities (K, 3)."""
        inputs = inputs_from(encoded, np.arange(len(encoded.has_image)))
        return self._head(fusion).probabilities(inputs).float().numpy()

    def _head(self, fusion: str | Path) -> Fusion:
        """The head of that name, the default for "", or one's own in that folder. Raises InputError."""
        if not isinstance(fusion, Path):
            return self.heads[fusion or self.fusions[0]]
        key = (fusion, (fusion / "model.safetensors").stat().st_mtime_ns)
        if key not in self._own:
            self._own = {key: self._read_own(fusion)}  # one is enough: the next visitor's comes in its place
        return self._own[key]

    def _read_own(self, folder: Path) -> Fusion:
        try:
            head, config = fusions.load(folder)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError("head_damaged", name=folder.name, detail=str(error).splitlines()[0]) from None
        if config.get("features") != self.fingerprint:
            raise InputError("head_other_encoder", name=folder.name, model=self.checkpoint.title)
        return head


def _spread(values: npt.NDArray[Any], there: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Rows for those that are there -> rows for all, zero for the others."""
    out = np.zeros((len(there), *values.shape[1:]), values.dtype)
    out[there] = values
    return out


def fingerprint_of(folder: Path, state: Mapping[str, Tensor], text_alone: Path | None = None) -> str:
    """Sixteen hex digits of what is read of the encoder in ``folder``, of the projections and of ``text_alone``."""
    digest = hashlib.sha256()
    for name, stored in sorted(load_file(folder / "model.safetensors").items()):
        if name.startswith(READ):
            digest.update(name.encode() + stored.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    for name in sorted(state):
        if name.startswith("features."):
            digest.update(state[name].half().numpy().tobytes())
    if text_alone is not None:
        digest.update(text_alone.read_bytes())
    return digest.hexdigest()[:16]


def encoder_folder(folder: Path) -> Path:
    """Where the encoder of a sentiment checkpoint lies: in its folder ``encoder``, else in the bundle."""
    own = folder / "encoder"
    return own if own.is_dir() else Path(str(resources.files("mmcore"))) / "bundled" / find(ENCODER).location


def save(folder: Path, features: PostFeatures, heads: Iterable[Fusion], config: Mapping[str, Any]) -> None:
    """Write a checkpoint of this family: model.safetensors (fp16) and config.json. The first head is the default."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = list(heads)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    for head in heads:
        state |= {f"{head.name}.{name}": value for name, value in head.state_dict().items()}
    save_file({name: value.half().contiguous() for name, value in state.items()}, folder / "model.safetensors")
    write_config(folder, {"heads": {head.name: vars(head.config) for head in heads}, **config})


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json of a checkpoint of this family holds; nothing where there is none."""
    file = folder / "config.json"
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.json."""
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def save_text_alone(folder: Path, model: TextAlone) -> None:
    """Put the model of posts without a picture (fp16) into ``folder``, and its sizes in config.json.

    Heads read its opinion: those of the folder must then be trained anew.
    """
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / TEXT_ALONE)
    write_config(folder, {**read_config(folder), "text_alone": model.config.to_dict()})


def load_text_alone(folder: Path, config: Mapping[str, Any]) -> TextAlone | None:
    """The model of posts without a picture, where ``config``, that of the folder, names one."""
    if "text_alone" not in config:
        return None
    model = TextAlone(TextAloneConfig(**config["text_alone"]))
    model.load_state_dict({name: value.float() for name, value in load_file(folder / TEXT_ALONE).items()})
    return model.eval().requires_grad_(False)


def load(checkpoint: Checkpoint, folder: Path, device: str, dtype: torch.dtype) -> SentimentJudge:
    """The encoder of the bundle, the projections, every head, what judges bare texts. Raises WeightsError."""
    encoder_at = encoder_folder(folder)
    encoder = compact_dual.load(find(ENCODER), encoder_at, device, dtype)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        state = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
        word, region = (state[f"features.{name}_axes"].shape[1] for name in ("word", "region"))
        features = PostFeatures(encoder.network.text.config.width, word, region)
        features.load_state_dict(_under("features.", state))
        heads = {name: fusions.build(name, FusionConfig(**sizes)) for name, sizes in config["heads"].items()}
        for name, head in heads.items():
            head.load_state_dict(_under(f"{name}.", state))
            head.eval().requires_grad_(False)
        alone = load_text_alone(folder, config)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        detail = str(error).splitlines()[0]
        raise WeightsError("weights_incomplete", name=checkpoint.name, folder=folder, detail=detail) from error
    features.requires_grad_(False).to(device=device, dtype=dtype)
    if alone is not None:
        alone.to(device=device, dtype=dtype)
    fingerprint = fingerprint_of(encoder_at, state, None if alone is None else folder / TEXT_ALONE)
    return CompactSentiment(checkpoint, encoder, features, heads, fingerprint, alone)


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
