from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation
from shells import PLANE, hole, population, radius, shell

from skullfix.vault.directions import mirror_images, vault_directions
from skullfix.vault.population import Vaults, gather_vaults
from skullfix.vault.surfaces import Pose


def test_the_mean_is_symmetric_and_leaves_out_what_is_not_known() -> None:
    radii = population().radii.copy()
    radii[0][:, hole()] = np.nan
    vaults = Vaults(radii)
    assert np.isfinite(vaults.mean).all()
    np.testing.assert_allclose(vaults.mean, vaults.mean[:, mirror_images()])
    known = hole() & ~hole()[mirror_images()]
    np.testing.assert_allclose(
        vaults.mean[:, known],
        np.concatenate([radii[1:], radii[..., mirror_images()]])[:, :, known].mean(0),
        rtol=1e-5,
    )
    assert np.isfinite(vaults.to_fit()).sum() == (vault_directions()[:, 2] > 0).sum()


def test_heads_that_lie_differently_are_measured_in_one_frame() -> None:
    shapes = [(70.0, 86.0, 74.0), (72.0, 84.0, 75.0), (68.0, 88.0, 73.0)]
    poses = [
        Pose(np.array((0.0, y, z)), Rotation.from_rotvec((turn, 0, 0)).as_matrix())
        for y, z, turn in ((3, -2, 0.05), (-3, 2, -0.05), (0, 0, 0.0))
    ]
    heads = [shell(shape, pose=pose) for shape, pose in zip(shapes, poses, strict=True)]
    stages: list[float] = []
    vaults = gather_vaults([(head, PLANE) for head in heads], lambda _, done: stages.append(done))
    assert vaults.radii.shape == (3, 2, len(vault_directions()))
    assert stages == sorted(stages)
    assert stages[-1] == 1
    thickness = vaults.radii[:, 0] - vaults.radii[:, 1]
    assert abs(float(np.nanmean(thickness)) - 6) < 0.3
    mean = radius((70.0, 86.0, 74.0), vault_directions())
    upper = vault_directions()[:, 2] > 0.2
    spread = np.abs(vaults.radii[:, 0] - mean)[:, upper].mean(1)
    assert spread.max() < 2.5  # of 12 mm or more between heads as they lay
