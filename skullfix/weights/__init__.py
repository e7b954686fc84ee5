"""Checkpoints: the catalogue, the cache that never lies, downloads that survive, verification.

``resolve.resolve_checkpoint`` is what tasks call. The rest, from the bottom up:
digest and atomic (hashes, whole files), card and catalogue (what a checkpoint is), library (where
things lie on this machine), cache, transfer and download (bytes from a mirror), resolve, publish
(add a checkpoint to a shelf), pickle_import (the authors' files).
"""
