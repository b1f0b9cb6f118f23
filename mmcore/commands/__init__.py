"""The commands of ``mmcore``, one module a task; ``mmcore.cli`` puts them together."""
