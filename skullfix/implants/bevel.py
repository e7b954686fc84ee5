"""A bevelled lip around an implant that rests on the outer table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skullfix.implants.distance import distance_to
from skullfix.implants.site import Site

LIP_WIDTH_MM = 3.0
LIP_HEIGHT_MM = 1.2
_BLUNT = 1.5  # voxels of height at the lip's edge, so that it is no ragged blade


def bevel_lip(site: Site, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add a lip over the edge of the bone: a plate whose edges slope at 45 degrees.

    The lip lies on the outer table without a gap, keeps the implant from sinking in, and runs out
    over the implant as far as over the bone. It reaches LIP_WIDTH_MM over the bone and is
    LIP_HEIGHT_MM thick, but at least two voxels.

    Args:
        site: Where the implant is.
        mask: bool (z, y, x) on the site, the implant with its clearance.

    Returns:
        bool (z, y, x), the mask and its lip.
    """
    height = max(LIP_HEIGHT_MM, 2.0 * site.voxel)
    to_implant = distance_to(mask, site.geometry)
    hole = ndimage.binary_closing(site.implant | site.bone, iterations=1)
    above = distance_to(hole, site.geometry) - np.float32(site.voxel / 2)
    # the roof slopes down on both sides of the rim: over the bone and over the implant
    over_bone = LIP_WIDTH_MM + _BLUNT * site.voxel - to_implant
    roof = np.minimum(np.minimum(over_bone, LIP_WIDTH_MM - site.to_bone), height)
    place = ~site.bone & ~hole & (to_implant < LIP_WIDTH_MM) & (site.to_bone < LIP_WIDTH_MM)
    index = np.argwhere(place & (above <= height + 3 * site.voxel))
    facing = np.einsum("ij,ij->i", site.normals(index), site.outward(index)) > 0.5
    place[:] = False
    place[tuple(index[facing].T)] = True
    raw = place & (above <= roof)
    # an even edge, without the steps of the single voxels
    body = (raw | mask | site.bone | hole).astype(np.float32)
    even = ndimage.gaussian_filter(body, site.sigma(0.8 * site.voxel), truncate=3.0) > 0.5
    lip = place & even & ndimage.binary_dilation(raw, iterations=2)
    # the gap under the lip stays free; the lip joins the implant over it
    together = mask | lip
    label, count = ndimage.label(together)
    if count > 1:
        sizes = np.bincount(label[mask], minlength=count + 1)
        together = np.isin(label, np.flatnonzero(sizes[1:] > 0) + 1)
    result: NDArray[np.bool_] = together
    return result
