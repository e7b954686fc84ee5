"""Which row is voxel (b, z, y, x)?  The bitmap of `skullfix.sparse.cpu`, as a GPU reads it.

One bit a cell of the box around the set, 32 cells along x a word, and with each word the number of
voxels before it, in one 64-bit entry, so that a look-up is one load:

    entry:    | rows before this word (high 32 bits) | the word's 32 cells (bit 0: smallest x) |

    row of a voxel = high half + popcount(low half, bits below its own)

Rows are sorted by (batch, z, y, x), so counting set bits in memory order counts rows. A box of V
cells costs V/4 bytes: 17 MB for a skull at 512 x 512 x 256, which stays in the second-level cache.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from skullfix.errors import MemoryLimitError
from skullfix.sparse.voxels import VoxelSet

CELL_LIMIT = 1 << 33  # 2 GB of entries
WORD = 32


class Box(NamedTuple):
    """The cells from `low` to `high`, both included.

    Attributes:
        batch: Volumes.
        low: (z, y, x) of the first cell.
        high: (z, y, x) of the last cell.
    """

    batch: int
    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, Z, Y, X) cells; X fills whole words."""
        z, y, x = (last - first + 1 for first, last in zip(self.low, self.high, strict=True))
        return self.batch, z, y, (x + WORD - 1) // WORD * WORD

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return math.prod(self.shape)

    def number(self, coordinates: Tensor) -> Tensor:
        """Give cells their numbers in memory order: (N, 4) rows in the box to (N,) int64."""
        _, depth, height, length = self.shape
        batch, z, y, x = coordinates.long().unbind(1)
        z, y, x = z - self.low[0], y - self.low[1], x - self.low[2]
        return ((batch * depth + z) * height + y) * length + x

    def coordinates(self, cells: Tensor) -> Tensor:
        """Undo `number`: (N,) int64 to (N, 4) int32 rows."""
        _, depth, height, length = self.shape
        line, x = cells // length, cells % length
        plane, y = line // height, line % height
        columns = [plane // depth, plane % depth + self.low[0], y + self.low[1], x + self.low[2]]
        return torch.stack([column.to(torch.int32) for column in columns], 1)


class Bitmap(NamedTuple):
    """The bits and counts of a voxel set.

    Attributes:
        entries: (cells / 32,) int64, see the module's docstring.
        box: What they mean.
    """

    entries: Tensor
    box: Box

    def arguments(self) -> tuple[Tensor, int, int, int, int, int, int, int]:
        """Give entries, B, Z, Y, words of a line and the first cell's z, y, x: for the kernels."""
        batch, depth, height, length = self.box.shape
        return self.entries, batch, depth, height, length // WORD, *self.box.low


def bitmap_of(voxels: VoxelSet) -> Bitmap:
    """Return the set's bitmap, built at first use and kept with the set.

    Raises:
        MemoryLimitError: The box around the set has more than CELL_LIMIT cells.
    """
    if not isinstance(voxels.index, Bitmap):
        voxels.index = _built(voxels, box_of(voxels))
    return voxels.index


def _built(voxels: VoxelSet, box: Box) -> Bitmap:
    """Build the bitmap of a set."""
    if box.cells > CELL_LIMIT:
        raise MemoryLimitError(
            f"voxels spread over a box of {box.cells:,} cells, more than {CELL_LIMIT:,}",
            hint="use --backend reference, whose memory does not depend on the extent",
        )
    cells = box.number(voxels.coordinates)
    entries = torch.zeros(box.cells // WORD, dtype=torch.int64, device=voxels.device)
    one = torch.ones_like(cells)
    # every cell is there once, so adding its bit sets it; its count is added above the bits
    entries.scatter_add_(0, cells // WORD, (one << WORD) + (one << cells % WORD))
    counts = entries >> WORD
    before = counts.cumsum(0).sub_(counts).bitwise_left_shift_(WORD)
    return Bitmap(entries.bitwise_and_((1 << WORD) - 1).bitwise_or_(before), box)


def box_of(voxels: VoxelSet) -> Box:
    """Find the box around a set; of one cell where the set is empty."""
    if isinstance(voxels.index, Bitmap):
        return voxels.index.box
    if not len(voxels):
        return Box(voxels.batch_size, (0, 0, 0), (0, 0, 0))
    place = voxels.coordinates[:, 1:]
    (z, y, x), (last_z, last_y, last_x) = torch.stack([place.amin(0), place.amax(0)]).tolist()
    return Box(voxels.batch_size, (z, y, x), (last_z, last_y, last_x))
