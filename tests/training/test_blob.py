"""Random bodies: solid, smooth, decided by the generator's state."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from skullfix.training import blob as module
from skullfix.training.blob import random_blob


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_a_blob_is_a_solid_body_about_the_middle(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CLEFT_SHARE", 0)  # a cleft may run through the middle
        whole = random_blob(32, np.random.default_rng(seed))
    assert float(whole[14:18, 14:18, 14:18].mean()) > 0.2
    blob = random_blob(32, np.random.default_rng(seed))
    assert bool((blob <= whole).all())  # a cleft only takes away
    assert blob.shape == (32, 32, 32)
    assert blob.dtype == torch.float32
    assert 0 <= float(blob.min()) <= float(blob.max()) <= 1
    assert float(blob[8:24, 8:24, 8:24].max()) == 1
    assert torch.equal(blob, random_blob(32, np.random.default_rng(seed)))


def test_a_border_is_a_voxel_wide() -> None:
    blobs = [random_blob(48, np.random.default_rng(seed)) for seed in range(8)]
    partly = sum(int(((b > 0.02) & (b < 0.98)).sum()) for b in blobs)
    borders = sum(
        int((torch.diff((b > 0.5).int(), dim=a) != 0).sum()) for b in blobs for a in range(3)
    )
    assert 0.3 * borders < partly < 1.5 * borders


def test_some_bodies_are_parted_by_a_cleft() -> None:
    parted = sum(
        label((random_blob(64, np.random.default_rng(seed)) > 0.5).numpy())[1] > 1
        for seed in range(20)
    )
    assert 2 <= parted <= 14
