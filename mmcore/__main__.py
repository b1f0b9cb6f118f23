"""``python -m mmcore`` is the same as ``mmcore``."""

from mmcore.cli import app

if __name__ == "__main__":
    app(prog_name="mmcore")
