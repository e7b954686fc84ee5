"""How the voxels of one level see those of another: the geometry of every convolution.

A convolution is ``out[t] = Σ_k  in[source(t, k)] @ weight[k]`` over the taps k whose source is a
voxel of the input. All four kinds follow one rule, along each axis:

    source(t, k) = (scale · t + sign · k + shift) / divisor,   a tap only where this is whole

    kind                            scale  sign  shift  divisor  taps
    SAME    submanifold k3 s1         1     +1    -1       1     27   source = t + k - 1
    DOWN    strided k2 s2             2     +1     0       1      8   source = 2t + k
    UP2     transposed k2 s2          1     -1     0       2      8   source = (t - k) / 2
    UP4     transposed k4 s2          1     -1     0       2     64   source = (t - k) / 2

Tap k has three digits (z, y, x), x fastest: for SAME, k = 9 kz + 3 ky + kx, which is also the
order of MinkowskiEngine's kernels when its coordinate columns are (x, y, z). UP4 is not centred:
its children are 2p + {0, 1, 2, 3} (as in MinkowskiEngine), so they may leave the parent's grid.

The reverse of a relation (who sees me?) is again such a rule, which the gradients use.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One row of the table above; see the module's docstring."""

    name: str
    scale: int
    sign: int
    shift: int
    divisor: int
    width: int  # taps along one axis

    @property
    def taps(self) -> int:
        """Number of taps, width cubed."""
        return self.width**3

    def reverse(self) -> Relation:
        """Return the rule that leads from a source back to the targets that see it, tap by tap."""
        if self.divisor == 1 and self.scale == 1:
            return Relation(self.name + "-reverse", 1, -self.sign, -self.shift, 1, self.width)
        return Relation(
            self.name + "-reverse", self.divisor, -self.sign, self.shift, self.scale, self.width
        )


SAME = Relation("same", 1, 1, -1, 1, 3)
DOWN = Relation("down", 2, 1, 0, 1, 2)
UP2 = Relation("up2", 1, -1, 0, 2, 2)
UP4 = Relation("up4", 1, -1, 0, 2, 4)
