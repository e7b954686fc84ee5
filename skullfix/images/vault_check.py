"""What a skull must show before it is completed, and after: its vault up, and closed."""

from __future__ import annotations

import numpy as np

from skullfix.errors import InputError
from skullfix.images.vault import InsideView, look_around, middle_of_braincase
from skullfix.images.volume import Volume

BEHIND_MM = 15.0
"""Bone that lies this far behind the first wall belongs to the base or the face."""

CONE_DEG = 55.0
"""Half angle in which each axis is looked along."""

CLEAR = 0.06
"""Length of the base's direction below which a scan shows too little of the base to tell; training
skulls have 0.27 to 0.6."""

FORWARD_DEG = (-30.0, 100.0)
"""Where base and face may lie, in degrees from straight down towards the front. In training skulls
it is 3 to 68; the rest is for heads that nod."""

SIDEWAYS_DEG = 45.0
"""How far to the side they may lie; the head may lean."""

UNSEEN = 0.5
"""Share of the vault that may lie beyond the scan's edge."""

OPEN = 0.05
"""Share of the vault that may stay open, about 13 cm2, a hole of 4 cm. Natural openings: 0."""


def check_vault(bone: Volume) -> tuple[str, ...]:
    """Refuse a head that does not lie as its header says, and a scan without the vault.

    Args:
        bone: bool (z, y, x).

    Returns:
        Warnings (the scan's edge cuts the vault).

    Raises:
        InputError: The vault does not look up, or less than half of it is in the scan.
    """
    centre = middle_of_braincase(bone)
    if centre is None:
        return ()
    view = look_around(bone, centre)
    found = base_direction(view)
    if not _below_and_in_front(found):
        raise InputError(
            "The head does not lie as the header says: skull base and face are found towards the "
            f"{_side(found)}, expected below and in front.",
            hint="Correct the orientation in the header (a mask saved without the scan's geometry "
            "is often upside down), and give it again.",
        )
    if view.unseen_share > UNSEEN:
        raise InputError(
            f"The scan ends below the vertex: {100 * view.unseen_share:.0f} % of the vault lie "
            f"beyond its edge, at most {100 * UNSEEN:.0f} % may.",
            hint="Give a scan of the whole cranium, from the skull base to the vertex.",
        )
    if view.unseen_share > OPEN:
        return (
            f"The scan's edge cuts the vault: {100 * view.unseen_share:.0f} % of it are not in the "
            "scan and are not completed.",
        )
    return ()


def check_closed(bone: Volume, implant: Volume) -> tuple[str, ...]:
    """Refuse an answer that leaves the vault open.

    Args:
        bone: The defective skull, bool (z, y, x).
        implant: bool on the same grid, possibly empty.

    Returns:
        Warnings (a part of the opening was left).

    Raises:
        InputError: More than half of a large opening in the vault was not filled.
    """
    centre = middle_of_braincase(bone)
    if centre is None:
        return ()
    before = look_around(bone, centre)
    if before.open_share <= OPEN:
        return ()
    after = look_around(Volume(bone.array | implant.array, bone.geometry), centre)
    left = after.open_share
    if left <= OPEN:
        return ()
    was, still = before.area_cm2(before.open_share), before.area_cm2(left)
    if left > before.open_share / 2:
        raise InputError(
            f"The hole cannot be filled: {was:.0f} cm2 of the vault are open "
            f"({100 * before.open_share:.0f} % of it), and {still:.0f} cm2 stayed open.",
            hint="The hole is larger than the model can fill, or this is not the mask of a skull "
            "with its vault. Look at the mask; another --model may do better.",
        )
    return (f"Of {was:.0f} cm2 that are open in the vault {still:.0f} cm2 were not filled.",)


def base_direction(view: InsideView) -> tuple[float, float, float]:
    """Find where base and face lie.

    Returns:
        (x, y, z) LPS: for each axis the share of directions near it with bone behind the first
        wall, minus the same near its opposite.
    """
    behind = view.depth > BEHIND_MM
    near = np.cos(np.radians(CONE_DEG))
    x, y, z = (
        float(behind[view.directions[:, axis] > near].mean())
        - float(behind[view.directions[:, axis] < -near].mean())
        for axis in range(3)
    )
    return x, y, z


def _below_and_in_front(found: tuple[float, float, float]) -> bool:
    """Whether base and face lie where they should, or cannot be made out."""
    x, y, z = found
    if np.linalg.norm(found) < CLEAR:
        return True
    upright = np.hypot(y, z)
    forward = np.degrees(np.arctan2(-y, -z))
    sideways = np.degrees(np.arctan2(abs(x), upright))
    return bool(sideways <= SIDEWAYS_DEG and FORWARD_DEG[0] <= forward <= FORWARD_DEG[1])


def _side(direction: tuple[float, float, float]) -> str:
    """Name the side a direction points to."""
    axis = int(np.argmax(np.abs(direction)))
    names = (("right", "left"), ("front", "back"), ("feet", "top"))
    return names[axis][direction[axis] > 0]
