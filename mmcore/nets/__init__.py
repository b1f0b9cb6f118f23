"""Our own networks in plain PyTorch, one idea a file."""
