"""The same bytes for every run and every number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import hashlib, sys
import numpy as np, torch
from skullfix.networks.config import CONFIGS
from skullfix.networks.unet import SparseUNet
from skullfix.sparse.backend import get_backend
from skullfix.sparse.relation import DOWN, SAME, UP2, UP4
from skullfix.sparse.tensor import SparseTensor
from skullfix.sparse.threads import set_threads
from skullfix.sparse.voxels import VoxelSet

rows = np.argwhere(np.random.default_rng(0).random((24, 25, 70)) < 0.3)
rows = torch.nn.functional.pad(torch.from_numpy(rows.astype(np.int32)), (1, 0))
draw = lambda *shape: torch.randn(*shape, generator=torch.Generator().manual_seed(1))

def digest(threads):
    assert set_threads(threads) == threads
    backend, seen = get_backend("cpu"), hashlib.sha256()
    voxels = VoxelSet(rows.clone(), 1)
    for relation in (SAME, DOWN, UP2, UP4):
        if relation is SAME:
            target = voxels
        elif relation is DOWN:
            target = backend.downsample(voxels)
        else:
            target = backend.generate(voxels, relation, 10**9)
        features = draw(len(voxels), 9).requires_grad_()
        weight = draw(relation.taps, 9, 17).requires_grad_()
        out = backend.convolve(features, weight, voxels, target, relation)
        out.sin().sum().backward()
        joined = backend.join(target, voxels)
        added = SparseTensor(draw(len(voxels), 17), voxels)
        fused = backend.fused(features, weight, draw(17), voxels, target, relation,
                              added=added, heads=draw(2, 18))
        parts = [out, features.grad, weight.grad, *fused, target.coordinates, joined.coordinates]
        for part in parts:
            seen.update(part.detach().numpy().tobytes())
    torch.manual_seed(0)
    network = SparseUNet(CONFIGS["table1-ch1"]).eval()
    with torch.inference_mode():
        x = SparseTensor(torch.ones(len(rows), 1), voxels)
        answer = network(x, backend, target=voxels, thresholds=(0.1,) * 6).final
    seen.update(answer.voxels.coordinates.numpy().tobytes() + answer.features.numpy().tobytes())
    return seen.hexdigest()

found = [digest(threads) for threads in (1, 2, 4, 3, 4, 1)]
assert len(set(found)) == 1, found
print(found[0])
"""


def test_any_number_of_threads() -> None:
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4", "OMP_NUM_THREADS": "4"}
    runs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    for done in runs:
        assert done.returncode == 0, done.stderr[-2000:]
    assert runs[0].stdout == runs[1].stdout
