"""Compare a predicted mask with the true one."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from skullfix.evaluation.metrics import boundary_dice, dice, hausdorff95, reconstruction_error
from skullfix.images.same_grid import check_same_grid
from skullfix.images.volume import Volume


@dataclass(frozen=True)
class Evaluation:
    """How close a prediction comes to the truth.

    Attributes:
        dice: 2|P∩T| / (|P|+|T|).
        boundary_dice: Dice within 10 mm of the defective skull; None without one.
        hausdorff95_mm: 95th percentile of both border distances; infinite when one is empty.
        reconstruction_error_percent: Share of the grid on which both differ.
        prediction_ml: Volume of the prediction.
        truth_ml: Volume of the truth.
        copied_input_dice: Dice of the defective skull itself against the truth, the baseline of
            an answer that changes nothing; None without a defective skull.
    """

    dice: float
    boundary_dice: float | None
    hausdorff95_mm: float
    reconstruction_error_percent: float
    prediction_ml: float
    truth_ml: float
    copied_input_dice: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON; what is not finite becomes None."""
        return {
            key: value if value is not None and math.isfinite(value) else None
            for key, value in dataclasses.asdict(self).items()
        }


def evaluate_masks(
    prediction: Volume, truth: Volume, defective: Volume | None = None
) -> Evaluation:
    """Compare two masks of one grid.

    Args:
        prediction: bool or {0, 1}.
        truth: The same grid.
        defective: The defective skull on the same grid, for the boundary Dice.

    Raises:
        InputError: The grids differ.
    """
    check_same_grid("prediction", prediction.geometry, "truth", truth.geometry)
    a, b = prediction.array.astype(np.bool_), truth.array.astype(np.bool_)
    spacing = truth.geometry.spacing[::-1]  # (z, y, x)
    near = copied = None
    if defective is not None:
        check_same_grid("defective skull", defective.geometry, "truth", truth.geometry)
        skull = defective.array.astype(np.bool_)
        near, copied = boundary_dice(a, b, skull, spacing), dice(skull, b)
    unit = truth.geometry.voxel_volume_ml
    return Evaluation(
        dice=dice(a, b),
        boundary_dice=near,
        hausdorff95_mm=hausdorff95(a, b, spacing),
        reconstruction_error_percent=reconstruction_error(a, b),
        prediction_ml=int(np.count_nonzero(a)) * unit,
        truth_ml=int(np.count_nonzero(b)) * unit,
        copied_input_dice=copied,
    )
