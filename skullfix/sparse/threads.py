"""How many threads the engine uses."""

from __future__ import annotations

import torch

from skullfix.sparse.jit import has_numba


def set_threads(count: int) -> int:
    """Use `count` threads in torch and in the engine's kernels; 0 leaves torch's own choice.

    Returns:
        The number of threads in use.
    """
    wanted = count or torch.get_num_threads()
    if has_numba():
        import numba

        # First numba, then torch: starting numba's OpenMP pool resets the count of every library.
        limit = int(vars(numba.config)["NUMBA_NUM_THREADS"])
        numba.set_num_threads(max(1, min(wanted, limit)))
    torch.set_num_threads(wanted)
    return torch.get_num_threads()
