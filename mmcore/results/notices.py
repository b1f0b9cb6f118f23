"""What an answer does not say by itself: which part of the input was not read, and what was assumed to read it.

A notice is a key of MESSAGES and the values that fill it, as an error is, but the answer is there all the same. Every
result has ``notices``; its JSON has them where there are some:

    {"code": "sound_tracks", "text": {"en": "...", "zh": "..."}, "values": {"count": 2, "track": 2}}

Whatever decodes an input says what it left out: a sound has ``Sound.notices``, a picture carries them along, see
``noted`` and ``notices_of``. A new notice is one entry of MESSAGES.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from PIL import Image

LANGUAGES = ("en", "zh")

MESSAGES: dict[str, tuple[str, str]] = {
    # pictures
    "image_frame": (
        "This picture has {count} frames or pages; number {frame} was looked at.",
        "这个图片文件共有 {count} 帧（或页），只看了其中第 {frame} 帧。",
    ),
    "image_background": (
        "The drawing is white on a transparent ground, so it was laid on black to be seen.",
        "这是透明底上的白色图形，为了能看见，已垫上黑色背景。",
    ),
    "image_profile": (
        "The colour profile in the picture cannot be used and was left out; the colours may be off.",
        "图片中的颜色配置文件无法使用，已忽略，颜色可能有偏差。",
    ),
    "image_stretched": (
        "The picture uses only a part of the range of its format, so its values were stretched.",
        "图片只用了该格式数值范围的一部分，已拉伸亮度以便看清。",
    ),
    "image_squeezed": (
        "The picture is {width} x {height}; models see it squeezed into a square. Cut it into parts for details.",
        "图片为 {width} x {height}，模型看到的是压成正方形的样子。想看清细节，请把它裁成几块。",
    ),
    "ocr_smaller": (
        "The picture has {width} x {height} pixels; text was looked for with the longer side at {side}, so small "
        "letters may be missing. Cut out the part that matters.",
        "图片为 {width} x {height} 像素，识别文字时长边缩小到 {side} 像素，较小的字可能读不到。请裁出需要的部分。",
    ),
    "ocr_unsure": (
        "Lines that were read too unsurely (below {threshold:g}) were left out: {count}.",
        "另有 {count} 行文字看到了但没有把握（低于 {threshold:g}），未列出。",
    ),
    "pictures_unread": (
        "The text in {count} of {total} pictures has not been read, so it was not searched (`mmcore index read`).",
        "{total} 张图片中有 {count} 张还没有识别文字，未参与查找（用 `mmcore index read` 识别）。",
    ),
    # videos
    "video_ends_early": (
        "The file says that it lasts {claimed:.1f} s, but its pictures end after {seconds:.1f} s. "
        "That much was looked at.",
        "文件标明时长为 {claimed:.1f} 秒，但画面到 {seconds:.1f} 秒就结束了，只看了这一部分。",
    ),
    "video_stretches": (
        "The video changes {count} times; the {shown} stretches that differ most are shown.",
        "视频共有 {count} 段不同的画面，这里只给出差别最大的 {shown} 段。",
    ),
    "video_silent": ("The video has no sound, so nothing was listened to.", "视频没有声音，因此没有听。"),
    # queries
    "query_negation": (
        'A search does not understand "{word}": what is denied is looked for all the same. '
        'Give what must not be in the pictures as "without" (--without).',
        "搜索不懂“{word}”这类否定说法，被否定的东西照样会被找出来。"
        "请把图片中不应出现的内容填入“不含”（命令行用 --without）。",
    ),
    # texts
    "no_words": ("The text holds no words that can be read.", "这段文字里没有能读懂的词。"),
    "no_feeling": (
        "No word of the text says how anybody feels about anything.",
        "这段文字里没有表达感受或看法的词。",
    ),
    "both_sides": (
        "Not sure: the text says good and bad things about equally. Do not rely on the answer.",
        "无法确定：这段文字里褒义和贬义的说法差不多一样多，请不要轻信这个结果。",
    ),
    "text_part_unread": (
        "{count} words of this text are in {language} and were not read; the model reads English only.",
        "这段文本有 {count} 个词是{language}；模型只读英语，因此没有读这一部分。",
    ),
    "no_words_read": ("The text was left out of the answer.", "判断时没有使用这段文字。"),
    "not_sure": (
        "Nothing could be judged, so every sentiment is given as equally likely: not sure.",
        "没有可以判断的依据，所以三种情感的概率相同：无法确定。",
    ),
    "text_windows": (
        "The text is longer than the model reads at once; it was read in {count} parts.",
        "文字超过模型一次能读的长度，已分成 {count} 段阅读。",
    ),
    "text_letters_unread": (
        "{count} letters of this text are of a script that the model cannot read ({letters}); only the rest was read.",
        "这段文本中有 {count} 个字符是模型不认识的文字（{letters}），只看了其余部分。",
    ),
    "text_language_unread": (
        "This text is in {language}, by its words; the model reads English only, so do not rely on its answer.",
        "从用词看，这段文本是{language}；模型只读英语，因此这个结果不可靠。",
    ),
    "read_word_by_word": (
        "Chinese was read word by word in English, with a dictionary, which is rougher than a translation: {pairs}",
        "中文按词典逐词译成英语后读取，不如真正的翻译准确：{pairs}",
    ),
    # sounds
    "sound_tracks": (
        "This file has {count} sound tracks; number {track} was listened to.",
        "这个文件有 {count} 条音轨，只听了其中第 {track} 条。",
    ),
    "sound_ends_early": (
        "The file says that it lasts {claimed:.1f} s, but it ends after {seconds:.1f} s. That much was listened to.",
        "文件标明时长为 {claimed:.1f} 秒，但到 {seconds:.1f} 秒就结束了，只听了这一部分。",
    ),
    "sound_damaged_end": (
        "The sound cannot be decoded after {seconds:.1f} s. What comes before was listened to.",
        "{seconds:.1f} 秒之后的声音无法解码，只听了之前的部分。",
    ),
    "sound_damaged_part": (
        "Another sound joined to this one at {seconds:.1f} s cannot be decoded and was left out.",
        "在 {seconds:.1f} 秒处接上的另一段声音无法解码，已略过。",
    ),
    "sound_damaged_pieces": (
        "Damaged pieces of the sound, {seconds:.1f} s together, were left out.",
        "声音中损坏的部分（共 {seconds:.1f} 秒）已跳过。",
    ),
    "speech_none": ("No speech was heard.", "没有听到说话声。"),
    "speech_left_out": (
        "{seconds:.0f} of {duration:.0f} s hold no speech and were not transcribed.",
        "共 {duration:.0f} 秒，其中 {seconds:.0f} 秒没有说话声，未转写。",
    ),
    "speech_repeating": (
        "From {start:.0f} to {end:.0f} s the model came to repeat itself; what it wrote there was left out.",
        "第 {start:.0f} 至 {end:.0f} 秒模型陷入重复，这一段的文字已略去。",
    ),
    "speech_language_unsure": (
        "The language is a guess ({language}, {percent} %). Say which one it is for a better transcript.",
        "语言是猜测的（{language}，{percent}%）。请指定语言，以便转写得更准。",
    ),
    "speech_language_other": (
        "This is {language} by its sound. How well that is transcribed was measured for {known} only.",
        "听起来是{language}。只对{known}测过转写的准确度。",
    ),
    "speech_languages": (
        "From {start:.0f} to {end:.0f} s it is {language} by its sound.",
        "第 {start:.0f} 至 {end:.0f} 秒听起来是{language}。",
    ),
    "speech_english_only": (
        "{model} knows English only: what is said in another language comes out as English words that nobody said.",
        "{model} 只懂英语：其他语言的话会被写成没人说过的英文词。",
    ),
    "sound_channels": (
        "Some of the {count} channels are in opposite phase and would cancel out in mono, so they were inverted.",
        "{count} 个声道中有的相位相反，合为单声道会互相抵消，因此先作了反相处理。",
    ),
}
"""Code -> the sentence in English and in Chinese, with ``str.format`` fields."""

Value: TypeAlias = "int | float | str | tuple[str, str]"
"""A pair is the same word in English and in Chinese."""

_KEY = "notices"
"""Where a picture carries its notices: in ``Image.info``, which copies, sizes and pickles keep."""


@dataclass(frozen=True)
class Notice:
    """One thing that a person should know about an answer. ``Notice.of("sound_tracks", count=2, track=1)``."""

    code: str
    params: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def of(cls, code: str, **values: Value) -> Notice:
        """The notice of that code. Raises KeyError for a code that MESSAGES lacks, or a field without its value."""
        notice = cls(code, tuple(values.items()))
        notice.text()  # a field that is missing is found where it is missing
        return notice

    def text(self, language: str = "en") -> str:
        """The sentence in that language; the English one in a language that is not among LANGUAGES."""
        place = LANGUAGES.index(language) if language in LANGUAGES else 0
        values = {name: value[place] if isinstance(value, tuple) else value for name, value in self.params}
        return MESSAGES[self.code][place].format(**values)

    def to_dict(self) -> dict[str, Any]:
        """{"code", "text": {"en", "zh"}, "values"}: the same for programs."""
        values = {
            name: dict(zip(LANGUAGES, value, strict=True)) if isinstance(value, tuple) else value
            for name, value in self.params
        }
        return {"code": self.code, "text": {code: self.text(code) for code in LANGUAGES}, "values": values}


def as_json(notices: Iterable[Notice]) -> dict[str, Any]:
    """{"notices": [...]} for the JSON of a result, or nothing at all where there are none."""
    listed = [notice.to_dict() for notice in dict.fromkeys(notices)]
    return {_KEY: listed} if listed else {}


def noted(image: Image.Image, *notices: Notice) -> Image.Image:
    """The same picture, which carries these notices from now on, after those that it carries already."""
    if notices:
        image.info[_KEY] = (*notices_of(image), *notices)
    return image


def notices_of(*inputs: object) -> tuple[Notice, ...]:
    """What the pictures among the inputs carry, each notice once; anything else (None, a text, a vector) has none."""
    carried = [one.info.get(_KEY, ()) for one in inputs if isinstance(one, Image.Image)]
    return tuple(dict.fromkeys(notice for some in carried for notice in some))
