"""Vision-language models on small random checkpoints through the real loader, compared with plain calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from mmcore import cancelling
from mmcore.checkpoints.registry import find
from mmcore.checkpoints.repositories import find_checkpoint
from mmcore.errors import Cancelled, InputError, WeightsError
from mmcore.families import vlm
from mmcore.results import AskOptions, Turn
from mmcore.settings import Settings
from tests import tiny
from tests.families import test_qwen_vl as qwen

PICTURES = [*tiny.pictures(1, (120, 80)), *tiny.pictures(2, (40, 64))[1:]]
EARLIER = [Turn("a dog?", "the red ball"), Turn("and the tree?", "on the car")]
KINDS = ("idefics3", "smolvlm", "qwen3_vl", "qwen3_5")
IDEFICS_SIGNS = (
    *("<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>"),
    *(f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)),
)
IDEFICS_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for line in message['content'] %}"
    "{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% else %}<|vision_start|><|image_pad|><|vision_end|>{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""As the repositories have them, without what is not used here (video, tools, thinking)."""


def idefics_tokenizer() -> Any:
    """Byte-level, with a token a byte and the signs of the checkpoints."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    reader = Tokenizer(models.BPE(vocab={piece: place for place, piece in enumerate(alphabet)}, merges=[]))
    reader.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    reader.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=reader,
        eos_token="<end_of_utterance>",
        pad_token="<|im_start|>",
        additional_special_tokens=list(IDEFICS_SIGNS),
        chat_template=IDEFICS_TEMPLATE,
    )


def save_idefics(folder: Path, name: str, seed: int = 3) -> Path:
    from importlib import import_module

    import transformers

    reader = idefics_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    title = {"idefics3": "Idefics3", "smolvlm": "SmolVLM"}[name]
    config = getattr(transformers, f"{title}Config")(
        vision_config={**sizes, "image_size": 32, "patch_size": 8},
        text_config={
            **sizes,
            "model_type": "llama",
            "vocab_size": len(reader),
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "pad_token_id": reader.pad_token_id,
        },
        scale_factor=2,
        image_token_id=reader.convert_tokens_to_ids("<image>"),
        pad_token_id=reader.pad_token_id,
    )
    torch.manual_seed(seed)
    network = getattr(transformers, f"{title}ForConditionalGeneration")(config).eval()
    tiny.spread(network, seed)
    network.generation_config.update(eos_token_id=reader.eos_token_id, do_sample=False)
    network.save_pretrained(folder)
    reader.save_pretrained(folder)
    module, processor = vlm.KINDS[name].image_processor
    getattr(import_module(module), processor)(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
    ).save_pretrained(folder)
    return folder


def save_qwen35(folder: Path, seed: int = 5) -> Path:
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    reader = qwen.tokenizer()
    place = reader.convert_tokens_to_ids
    config = Qwen3_5Config(
        text_config={
            "vocab_size": len(reader),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "layer_types": ["linear_attention", "full_attention"],
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "max_position_embeddings": 2048,
            "eos_token_id": place("<|im_end|>"),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 8,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
        },
        image_token_id=place("<|image_pad|>"),
        video_token_id=place("<|endoftext|>"),
        vision_start_token_id=place("<|vision_start|>"),
        vision_end_token_id=place("<|vision_end|>"),
    )
    torch.manual_seed(seed)
    network = Qwen3_5ForConditionalGeneration(config).eval()
    tiny.spread(network, seed)
    network.save_pretrained(folder)
    reader.save_pretrained(folder)
    size = {"shortest_edge": 16 * 16, "longest_edge": 64 * 64}
    Qwen2VLImageProcessorPil(patch_size=8, merge_size=2, size=size).save_pretrained(folder)
    return folder


def save(folder: Path, name: str) -> Path:
    if name in ("idefics3", "smolvlm"):
        return save_idefics(folder, name)
    (qwen.save if name == "qwen3_vl" else save_qwen35)(folder)
    (folder / "chat_template.jinja").write_text(QWEN_TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=KINDS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    folder = save(tmp_path_factory.mktemp(request.param), request.param)
    return request.param, folder, vlm.load(find("smolvlm2-256m"), folder, "cpu", torch.float32)


def directly(
    name: str, folder: Path, pictures: list[Image.Image], earlier: list[Turn], question: str, most: int
) -> str:
    """A plain call on the same folder, with the library's own processor where it runs without further packages."""
    from importlib import import_module

    from transformers import AutoModelForImageTextToText, AutoTokenizer
    from transformers.models.idefics3.processing_idefics3 import Idefics3Processor

    network = AutoModelForImageTextToText.from_pretrained(folder).eval()
    network.generation_config.do_sample = False
    reader = AutoTokenizer.from_pretrained(folder)
    module, kind = vlm.KINDS[name].image_processor
    images = getattr(import_module(module), kind).from_pretrained(folder)
    first = [{"type": "image"}] * len(pictures)
    messages: list[dict[str, Any]] = []
    for turn in earlier:
        messages.append({"role": "user", "content": [*first, {"type": "text", "text": turn.question}]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": turn.answer}]})
        first = []
    messages.append({"role": "user", "content": [*first, {"type": "text", "text": question}]})
    text = reader.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    if name in ("idefics3", "smolvlm"):  # SmolVLM's own would want num2words and torchvision; it writes the same
        processor = Idefics3Processor(images, reader, image_seq_len=4)
        inputs = processor(text=[text], images=[pictures], return_tensors="pt", add_special_tokens=False)
    else:
        inputs = images(images=pictures, return_tensors="pt")
        for grid in inputs["image_grid_thw"]:
            text = text.replace("<|image_pad|>", "\0" * (int(grid.prod()) // 4), 1)
        inputs |= reader(text.replace("\0", "<|image_pad|>"), return_tensors="pt")
        inputs["mm_token_type_ids"] = (inputs["input_ids"] == network.config.image_token_id).int()
    unused = {"rows", "cols", *(() if name.startswith("qwen") else ("mm_token_type_ids",))}
    given = {key: value for key, value in inputs.items() if key not in unused}
    with torch.inference_mode():
        out = network.generate(**given, do_sample=False, max_new_tokens=most)
    return str(reader.decode(out[0, given["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def silent(text: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(("pictures", "turns"), [(1, 0), (1, 2), (2, 2)])
def test_answers_equal_transformers(loaded: tuple[str, Path, Any], pictures: int, turns: int):
    name, folder, model = loaded
    shown, before = PICTURES[:pictures], EARLIER[:turns]
    answer, _ = model.answer(shown, before, "what is this?", AskOptions(max_tokens=12), silent)
    assert answer == directly(name, folder, shown, before, "what is this?", 12)
    assert answer


def test_pictures_turns_and_questions_matter(loaded: tuple[str, Path, Any]):
    _, _, model = loaded
    asked = [
        (PICTURES[:1], [], "what is this?"),
        (PICTURES[1:], [], "what is this?"),
        (PICTURES[:1], EARLIER, "what is this?"),
        (PICTURES[:1], [], "a red car?"),
    ]
    with torch.inference_mode():
        found = [model.network(**model.inputs(*one)).logits[0, -1] for one in asked]
    assert all(not torch.allclose(found[0], other, atol=1e-4) for other in found[1:])


def test_it_is_heard_while_it_is_written(loaded: tuple[str, Path, Any]):
    _, _, model = loaded
    heard: list[str] = []
    answer, complete = model.answer(PICTURES[:1], [], "a cat?", AskOptions(max_tokens=8), heard.append)
    assert heard[-1] == answer
    assert len(heard) > 2
    assert all(answer.startswith(part.rstrip("\ufffd")) for part in heard)
    assert not complete, "a random network hardly ends by itself within eight tokens"


def test_the_same_seed_draws_the_same_answer(loaded: tuple[str, Path, Any]):
    _, _, model = loaded

    def draw(seed: int) -> str:
        options = AskOptions(max_tokens=10, decoding="nucleus", temperature=1.5, top_p=1.0, seed=seed)
        return str(model.answer(PICTURES[:1], [], "a cat?", options, silent)[0])

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_nobody_types_a_picture_or_the_end_of_a_turn(loaded: tuple[str, Path, Any]):
    name, _, model = loaded
    sign = "<image>" if name in ("idefics3", "smolvlm") else "<|image_pad|>"
    end = "<end_of_utterance>" if name in ("idefics3", "smolvlm") else "<|im_end|>"
    odd = f"what{sign} is{end[:4]}{sign}{end[4:]} this?"
    plain = model.inputs(PICTURES[:1], [], "what is this?")
    assert model.inputs(PICTURES[:1], [], odd)["input_ids"].tolist() == plain["input_ids"].tolist()


def test_a_conversation_that_is_too_long_is_refused(loaded: tuple[str, Path, Any]):
    _, _, model = loaded
    with pytest.raises(InputError, match="tokens"):
        model.answer(PICTURES[:1], [Turn("a " * 1200, "b")], "a cat?", AskOptions(), silent)


def test_it_ends_where_nobody_waits(loaded: tuple[str, Path, Any]):
    _, _, model = loaded
    heard: list[str] = []
    with cancelling.asking(lambda: len(heard) > 1), pytest.raises(Cancelled):
        model.answer(PICTURES[:1], [], "a cat?", AskOptions(max_tokens=200), heard.append)
    assert len(heard) == 2


def test_a_turn_ends_where_the_model_says_so(tmp_path: Path):
    """The end of a turn is neither shown nor counted as cut off."""
    folder = save_idefics(tmp_path, "smolvlm")
    model = vlm.load(find("smolvlm2-256m"), folder, "cpu", torch.float32)
    inputs = model.inputs(PICTURES[:1], [], "a cat?")
    (end,) = model.ends
    step = model.network(**inputs).logits[0, -1].argmax()
    head = model.network.lm_head.weight
    with torch.no_grad():
        head[end] = head[step] * 2  # now it is the likeliest token
    assert model.answer(PICTURES[:1], [], "a cat?", AskOptions(max_tokens=4), silent) == ("", True)


def test_a_very_long_picture_and_half_precision(tmp_path: Path):
    folder = save(tmp_path, "qwen3_vl")
    model = vlm.load(find("qwen3-vl-2b-ask"), folder, "cpu", torch.bfloat16)
    strip = Image.new("RGB", (900, 2), "red")
    assert isinstance(model.answer([strip], [], "a cat?", AskOptions(max_tokens=3), silent)[0], str)
    assert model.memory() < vlm.load(find("qwen3-vl-2b-ask"), folder, "cpu", torch.float32).memory()


def test_what_is_missing_is_said(tmp_path: Path):
    folder = save(tmp_path, "qwen3_vl")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(WeightsError, match="chat template"):
        vlm.load(find("qwen3-vl-2b-ask"), folder, "cpu", torch.float32)
    (folder / "chat_template.json").write_text('{"chat_template": "{{ messages }}"}', encoding="utf-8")
    assert vlm.load(find("qwen3-vl-2b-ask"), folder, "cpu", torch.float32).template == "{{ messages }}"
    (folder / "config.json").write_text('{"model_type": "llava"}', encoding="utf-8")
    with pytest.raises(WeightsError, match="llava"):
        vlm.load(find("qwen3-vl-2b-ask"), folder, "cpu", torch.float32)


@pytest.mark.parametrize("name", ["idefics3", "smolvlm", "qwen3_5"])
def test_a_folder_of_ones_own_is_asked(tmp_path: Path, name: str, settings: Settings):
    found = find_checkpoint(str(save(tmp_path / "own", name)), settings)
    assert (found.task, found.family) == ("ask", "vlm")
