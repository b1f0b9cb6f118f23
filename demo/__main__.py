"""``python -m demo [--host H] [--port P] [--share]``."""

from __future__ import annotations

import argparse

from .app import main

parser = argparse.ArgumentParser(prog="python -m demo", description="Serve the browser demo.")
parser.add_argument("--host", help="address to listen on (127.0.0.1 unless GRADIO_SERVER_NAME says otherwise)")
parser.add_argument("--port", type=int, help="port to listen on (the first free one from 7860)")
parser.add_argument("--share", action="store_true", default=None, help="also open a public link through gradio's relay")

if __name__ == "__main__":
    arguments = parser.parse_args()
    main(host=arguments.host, port=arguments.port, share=arguments.share)
