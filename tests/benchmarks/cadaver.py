"""A real head CT with a hole: implant DSC through bone extraction, network and all.

    python tests/benchmarks/cadaver.py unc_cadaver.nrrd [--model NAME] [--output FOLDER]

The scan (University of North Carolina volume-rendering test set) is intact. Five pieces of its
vault are taken out, one at a time: their voxels get the Hounsfield units of soft tissue. The
pieces are cut along straight lines towards the centre of the braincase, within a rounded, wavy
outline whose waves come from a fixed seed; what lies deeper than the vault stays. The truth is the
bone (150 HU) that was replaced. Prints a Markdown table; with --output also writes the CTs with
holes and the implants.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skullfix.evaluation.evaluate import evaluate_masks
from skullfix.images.bone import extract_bone
from skullfix.images.read import read_scan
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.model import load_model

CENTRE_MM = (126.0, 127.0, 140.0)  # of this scan's braincase, LPS
VAULT_MM = 40.0  # what lies nearer to the centre stays
SOFT_HU = 40


@dataclass(frozen=True)
class Hole:
    """One hole.

    Attributes:
        name: Where it is.
        towards: Its middle, seen from the centre of the braincase: LPS direction.
        half: Half its length across and along the head, mm.
        seed: Of its waves.
    """

    name: str
    towards: tuple[float, float, float]
    half: tuple[float, float]
    seed: int


HOLES = (
    Hole("left parietal", (0.75, 0.25, 0.6), (38.0, 32.0), 0),
    Hole("right frontotemporal", (-0.85, -0.45, 0.4), (32.0, 27.0), 1),
    Hole("frontal, across the midline", (0.1, -0.8, 0.6), (42.0, 30.0), 2),
    Hole("occipital", (-0.2, 0.95, 0.15), (34.0, 30.0), 3),
    Hole("right hemisphere", (-0.85, 0.05, 0.5), (55.0, 42.0), 4),
)


def piece_of(bone: Volume, hole: Hole) -> NDArray[np.bool_]:
    """Bone that a hole takes away, bool (z, y, x) on the grid of ``bone``."""
    index = np.argwhere(bone.array)
    affine = bone.geometry.affine()
    offset = index[:, ::-1] @ affine[:3, :3].T + affine[:3, 3] - np.array(CENTRE_MM)
    out = np.array(hole.towards) / np.linalg.norm(hole.towards)
    across = np.cross(out, [0.0, 1.0, 0.0] if abs(out[1]) < 0.9 else [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    along = np.cross(out, across)
    height, u, v = offset @ out, offset @ across, offset @ along
    taper = np.linalg.norm(offset, axis=1) / 80.0  # a cone: the same angle at every depth
    u, v = u / taper / hole.half[0], v / taper / hole.half[1]
    rng = np.random.default_rng(hole.seed)
    angle = np.arctan2(v, u)
    waves = sum(
        rng.uniform(0.0, 0.06) * np.sin(turns * angle + rng.uniform(0.0, 2.0 * np.pi))
        for turns in (2, 3, 5, 7)
    )
    inside = (np.abs(u) ** 2.5 + np.abs(v) ** 2.5) ** 0.4 < 1.0 + waves
    inside &= (height > 0.0) & (np.linalg.norm(offset, axis=1) > VAULT_MM)
    piece = np.zeros(bone.array.shape, bool)
    piece[tuple(index[inside].T)] = True
    return piece


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    scan = read_scan(options.scan).volume
    bone, _ = extract_bone(scan)
    model = load_model(options.model, "auto")
    print("| hole | piece ml | implant ml | DSC | bDSC 10 mm | HD95 mm |")
    print("|---|---|---|---|---|---|")
    for hole in HOLES:
        truth = piece_of(bone, hole)
        if not truth.any():
            parser.error(f"{options.scan} has no bone where the hole {hole.name!r} is cut")
        patient = np.where(truth, scan.array.dtype.type(SOFT_HU), scan.array)
        left, _ = extract_bone(Volume(patient, scan.geometry))
        implant = complete_bone(left, model).mask
        found = evaluate_masks(implant, Volume(truth, scan.geometry), left)
        print(
            f"| {hole.name} | {found.truth_ml:.1f} | {found.prediction_ml:.1f} "
            f"| {found.dice:.3f} | {found.boundary_dice:.3f} | {found.hausdorff95_mm:.2f} |",
            flush=True,
        )
        if options.output:
            name = hole.name.replace(",", "").replace(" ", "_")
            options.output.mkdir(parents=True, exist_ok=True)
            write_volume(Volume(patient, scan.geometry), options.output / f"{name}.nrrd")
            write_volume(implant, options.output / f"{name}_implant.nrrd")


if __name__ == "__main__":
    main()
