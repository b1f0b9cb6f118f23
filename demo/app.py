"""The page: header, tabs, limits. ``build_demo`` lays it out, ``main`` serves it.

This file is also the ``app_file`` of a Hugging Face Space, which runs it as a script: the last lines then start the
package that it belongs to, so that relative imports work. gradio is imported when the page is built, torch not before
a visitor comes.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

    from mmcore.pool import ModelPool
    from mmcore.settings import Settings

    from .ui.rooms import Rooms

TITLE = "MMCore Studio"
WAITING = 64
"""Requests that may wait in the queue; further ones are told to try again."""
IMAGE_PIXELS = 25_000_000
"""What the page decodes at most, unless MMCORE_IMAGE_PIXELS says otherwise: half of what one's own machine does."""


def build_demo(pool: ModelPool, settings: Settings) -> gr.Blocks:
    """The whole page. Loads no model and imports no torch."""
    import gradio as gr

    from .tabs import TABS
    from .ui import events, health, i18n, owner, programs, sessions, slots, style, tiers, uploads
    from .ui import page as shell

    uploads.settle_addresses(settings)
    sessions.keep_small()
    i18n.answers_have_words()
    programs.answers_are_json()
    programs.answers_have_schemas()
    events.meet_strangers(settings.public)
    slots.offer(settings)
    demo = gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(uploads.CHECKED_SECONDS, uploads.KEPT_SECONDS))
    with demo:
        with gr.Row(elem_id="mm-header"):
            with gr.Column(scale=1, min_width=300):
                gr.HTML(f"<h1>{TITLE}</h1>", elem_id="mm-brand")
                gr.Markdown(i18n.ui("tagline"), elem_id="mm-tagline")
            with gr.Row(elem_id="mm-switches"):
                tier = gr.Radio(
                    [(i18n.ui(f"tier.{name}"), name) for name in shell.offered_tiers()],
                    value="compact",
                    label=i18n.ui("tier"),
                    container=False,
                    elem_id="mm-tier",
                    elem_classes="mm-segments",
                )
                language = gr.Radio(
                    [(name, code) for code, name in i18n.LANGUAGES.items()],
                    value=i18n.DEFAULT_LANGUAGE,
                    label=i18n.ui("language"),
                    container=False,
                    elem_id="mm-language",
                    elem_classes="mm-segments",
                )
                link = gr.Button(i18n.ui("link_short"), elem_id="mm-link", size="sm", min_width=44)
                dark = gr.Button("◐", elem_id="mm-dark", size="sm", min_width=44)
            needs = gr.HTML("", js_on_load=style.web_file("tiers.js"), elem_id="mm-tiers")
        # The key only keeps the list across a restart of the server: head names are no secret.
        heads = gr.BrowserState([], storage_key="mmcore-heads", secret="mmcore")
        tabs = gr.Tabs(elem_id="mm-tabs", overflow_behavior="wrap")  # a strip that scrolls, by the style sheet
        page = shell.Page(pool, settings, demo, language, tier, tabs, heads, gr.Textbox("", visible=False), _rooms())
        with tabs:
            titles = []
            for tab in TABS:
                with gr.Tab(i18n.ui(f"tab.{tab.name}"), id=tab.name) as title:
                    tab.build(replace(page, tab=title))
                titles.append(title)
        page.ways.connect(tabs)

        browser: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
        demo.load(None, None, language, js="() => window.mmcore.language()", **browser)
        language.change(None, language, None, js="(code) => { window.mmcore.setLanguage(code); }", **browser)
        gr.on(
            [demo.load, tier.input],
            lambda code: tiers.notes(settings, code),
            language,
            needs,
            js=shell.with_language(0),
            api_name="tier_notes",
            **browser,
        )
        page.translations.add(lambda code: tiers.notes(settings, code), [], [needs])
        # gradio translates everything in place but the titles of tabs that are not open.
        page.translations.add(
            lambda code: [gr.update(label=i18n.text(code, f"ui.tab.{tab.name}")) for tab in TABS], [], titles
        )
        page.translations.connect(language)
        link.click(None, None, None, js="() => { window.mmcore.ways.copy(); }", **browser)
        dark.click(None, None, None, js="() => { window.mmcore.toggleDark(); }", **browser)
        # What the health check asks through the queue.
        nothing: dict[str, Any] = {"api_visibility": "private", "concurrency_id": health.ENDPOINT}
        gr.Button(visible=False).click(lambda: None, None, None, api_name=health.ENDPOINT, **nothing)
    owner.keep_private(demo)
    slots.hold(demo, events.MODELS)
    events.show_only_what_is_seen(demo)
    demo.queue(max_size=WAITING, api_open=False)  # what runs a model is asked for through the queue only
    sessions.count_nothing(demo)
    return demo


def launch(demo: gr.Blocks, settings: Settings, **options: Any) -> tuple[Any, str, str]:
    """Serve the page with the project's look and limits; ``options`` go to ``gr.Blocks.launch``."""
    from .ui import class_route, examples, guard, i18n, sessions, style

    sessions.keep_connections()
    routes = {class_route.PATH: class_route.Route(_rooms())}
    guarded = guard.Layer(guard.Guard, (), {"demo": demo, "settings": settings, "routes": routes})
    chosen: dict[str, Any] = {
        "theme": style.theme(),
        "css": style.css(),
        "head": style.head(),
        "i18n": i18n.browser_texts(),
        "favicon_path": examples.assets() / "icon.svg",
        "footer_links": ["api"],
        # A classroom shares machines: nobody's pictures stay in the browser.
        "run_history": False,
        "show_error": False,
        "mcp_server": True,
        "allowed_paths": [],
        # gradio's own limit only guards the disk; ours, with their sentences, are stricter and come right after.
        "max_file_size": max(settings.image_bytes, settings.audio_bytes) + 1,
        "strict_cors": True,
        "enable_monitoring": False,
        "state_session_capacity": sessions.CAPACITY,
        "app_kwargs": {"middleware": [guarded]},
        "auth": tuple(settings.login.split(":", 1)) if settings.login else None,
    }
    return demo.launch(**{**chosen, **options})


def page() -> gr.Blocks:
    """The page with the settings of the environment, made once; ``demo`` of this module is the same."""
    return _made()[0]


@cache
def _rooms() -> Rooms:
    """The classes of this process."""
    from .lessons import catalogue
    from .ui.rooms import Rooms

    return Rooms(catalogue.questions())


@cache
def _made() -> tuple[gr.Blocks, Settings]:
    from mmcore.ray_workers import make_pool
    from mmcore.settings import Settings, keep_weights_of_zero_gpu

    from .ui import sessions

    sessions.own_uploads()
    settings = replace(Settings.from_env(image_pixels=IMAGE_PIXELS), apart=sys.platform != "win32")
    if not settings.zero_gpu:
        return build_demo(make_pool(settings), settings), settings
    keep_weights_of_zero_gpu()
    from mmcore.pool import ModelPool

    from .ui import zerogpu  # imports spaces, which comes before torch

    settings = replace(settings, device="cpu")  # what is not placed on the GPU; spaces makes torch believe in one
    return build_demo(ModelPool(settings, workers=zerogpu.place(settings)), settings), settings


def __getattr__(name: str) -> gr.Blocks:
    """``demo``, by which gradio's tools know a page. It is built when somebody asks for it, not on import."""
    if name == "demo":
        return page()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main(host: str | None = None, port: int | None = None, share: bool | None = None) -> None:
    """Serve the demo until interrupted.

    ``host`` None leaves it to gradio: 127.0.0.1, or GRADIO_SERVER_NAME, which a Space sets. ``port`` None takes the
    first free one from 7860. ``share`` None leaves a public link to GRADIO_SHARE, and to notebooks that need one.
    """
    demo, settings = _made()
    if threading.current_thread() is threading.main_thread():  # not where gradio loads a changed file anew
        # As Ctrl-C does, so that uploads are deleted and the decoder is ended.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    launch(demo, settings, server_name=host, server_port=port, share=share)


if __name__ == "__main__":
    from importlib import import_module

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    package = import_module("demo.app")
    demo = package.page()  # where `gradio demo/app.py` and a Space's dev mode look for it
    package.main()
