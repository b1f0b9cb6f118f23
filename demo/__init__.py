"""The browser demo: one page, one tab a task. ``python -m demo`` starts it from a checkout, ``mmcore demo`` anywhere.

Imports inside the package are relative, because the wheel ships it under the name ``mmcore_demo``.
"""

from . import gradio_import

gradio_import.prepare()
