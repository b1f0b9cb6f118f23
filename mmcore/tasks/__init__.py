"""One module a task: sources and frozen options in, frozen results out. Interfaces call these and nothing below."""
