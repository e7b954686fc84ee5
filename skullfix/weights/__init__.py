"""Where checkpoints come from: catalogue, cache, download, verification."""
