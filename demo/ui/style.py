"""How the page looks: neutral greys and one accent colour, system fonts, nothing fetched from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import examples
from .facts import gradio_words
from .i18n import LANGUAGES, text, texts

if TYPE_CHECKING:
    from gradio.themes import Base
    from gradio.themes.utils.fonts import Font

_WEB = Path(__file__).parent.parent / "web"
SCRIPTS = ("head.js", "ways.js", "answers.js", "classroom.js", "gradio_words.js")
"""What every page runs as it starts, in this order."""
IN_BROWSER = ("text.ways.", "text.kept", "text.saved.", "text.sounds.waveform", "lessons.missing")
"""Beginnings of the keys of texts that scripts fill, in the language that the page has then."""

SANS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Noto Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono", "monospace")


@cache
def web_file(name: str) -> str:
    """The text of a file in ``demo/web``."""
    return (_WEB / name).read_text(encoding="utf-8")


def lessons_script() -> str:
    """The script of the Lessons tab: what all lessons share, the views of each lesson's own file, and the start.

    Each file is a block, so that two lessons may use one name.
    """
    views = sorted(path.name for path in (_WEB / "lessons").glob("*.js"))
    parts = [web_file("lessons.js"), *(f"{{\n{web_file(f'lessons/{name}')}\n}}" for name in views)]
    return "\n".join([*parts, "prepare();"])


def css() -> str:
    """The style sheets: the page's, then those of single tabs."""
    names = sorted(path.name for path in _WEB.glob("*.css") if path.name != "style.css")
    return "\n".join(web_file(name) for name in ["style.css", *names])


def head() -> str:
    """What gradio adds to the page as it starts: the script for language and brightness, and names for things."""
    names = {
        "#mm-dark": {code: text(code, "ui.dark") for code in LANGUAGES},
        "#mm-link": {code: text(code, "ui.link") for code in LANGUAGES},
        **{
            f'#{gallery} img[src$="/{item.path.name}"]': dict(item.alt)
            for gallery, shown in (
                ("mm-examples", examples.captioned()),
                ("mm-failures", examples.failures()),
                ("mm-ask-examples", examples.captioned()),
                ("mm-labels-examples", examples.collection()),
                ("mm-sentences-examples", examples.collection()),
            )
            for item in shown
        },
        **{f'.mm-posts img[src$="/{item.path.name}"]': dict(item.alt) for item in examples.collection()},
    }
    told = {
        code: {key: value for key, value in texts(code).items() if key.startswith(IN_BROWSER)} for code in LANGUAGES
    }
    credits = _written(examples.credits_by_file())
    scripts = "\n".join(web_file(name) for name in SCRIPTS)
    words = _written(dict(gradio_words()))
    tables = (
        f"window.mmcoreTexts = {_written(told)};\nwindow.mmcoreCredits = {credits};\nwindow.mmcoreGradio = {words};"
    )
    return f"<script>window.mmcoreNames = {_written(names)};\n{tables}\n{scripts}</script>"


def _written(value: object) -> str:
    """JSON for a script element, which "<" cannot end early."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def theme() -> Base:
    """gradio's plain theme in our greys and our blue. Font names are strings: a ``Font`` object would be fetched."""
    import gradio as gr

    sizes = gr.themes.sizes
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        secondary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.zinc,
        text_size=sizes.text_lg,
        radius_size=sizes.radius_md,
        font=[_system_font(name) for name in SANS],
        font_mono=[_system_font(name) for name in MONO],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_400",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_large_text_size="*text_md",
        input_border_width="1px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
    )


def _system_font(name: str) -> Font:
    """A font that the visitor's machine has: named in the style sheet, never loaded."""
    from gradio.themes.utils.fonts import Font

    return Font(name)
