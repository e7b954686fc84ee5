"""What 3D Slicer is told of each task: its parameters, in the order in which Slicer gives them.

Slicer Execution Model: flags first, each with its value (a boolean alone), then the indexed
parameters, by their index. https://www.slicer.org/wiki/Documentation/Nightly/Developers/
SlicerExecutionModel
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "geometry", "string", "double", "boolean"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a module.

    Attributes:
        kind: Element of the XML.
        name: For Slicer, and for a flag of the same name in skullfix with dashes.
        label: On the panel.
        description: Tool tip.
        default: Text, for flags.
        channel: ``input`` or ``output`` for indexed parameters.
        output: The result document's name of an output.
        type: Of an image: ``scalar`` or ``label``.
    """

    kind: Kind
    name: str
    label: str
    description: str
    default: str = ""
    channel: str | None = None
    output: str | None = None
    type: str | None = None

    @property
    def flag(self) -> str:
        """The long flag, without dashes in front."""
        return self.name.replace("_", "-")


@dataclass(frozen=True)
class Module:
    """One module: its name in Slicer, its task and its parameters."""

    name: str
    task: str
    title: str
    description: str
    options: tuple[Parameter, ...]
    files: tuple[Parameter, ...]


_THREADS = Parameter("double", "threads", "Threads", "0 for all.", "0")
_MASK = Parameter("image", "mask", "Input mask", "The coarse mask.", channel="input", type="label")
_FACTOR = Parameter("double", "factor", "Factor", "Fine voxels a coarse one.", "2")
_FINE = (
    Parameter(
        "image", "fine", "Output mask", "The fine mask.",
        channel="output", output="mask", type="label",
    ),
    Parameter(
        "geometry", "surface", "Output model", "Its surface.", channel="output", output="mesh"
    ),
)  # fmt: skip

MODULES = (
    Module(
        "SkullfixComplete",
        "complete",
        "Skullfix: complete a skull",
        "Completes a skull with a hole and designs a printable implant. Not a medical device.",
        (
            Parameter("string", "kind", "Kind", "ct, mask, or auto to tell by the values.", "auto"),
            Parameter("string", "threshold", "Bone threshold", "HU, or auto.", "150"),
            Parameter("double", "clearance", "Clearance", "Gap to the bone in mm.", "0.5"),
            Parameter("double", "smooth", "Smoothing", "Of the faces, in mm.", "0"),
            Parameter(
                "boolean", "fix_undercuts", "Remove undercuts", "Of what catches on the way in.",
                "false",
            ),
            _THREADS,
        ),
        (
            Parameter(
                "image", "scan", "Input scan", "A head CT or the mask of a skull with a hole.",
                channel="input", type="scalar",
            ),
            Parameter(
                "image", "completed", "Completed skull", "Bone and implant together.",
                channel="output", output="completed", type="label",
            ),
            Parameter(
                "image", "implant", "Implant mask", "The bone that was missing.",
                channel="output", output="implant", type="label",
            ),
            Parameter(
                "geometry", "solid", "Implant model", "The printable solid.",
                channel="output", output="mesh",
            ),
        ),
    ),
    Module(
        "SkullfixUpscale",
        "upscale",
        "Skullfix: make a skull mask finer",
        "Super-resolution of a coarse skull mask.",
        (_FACTOR, _THREADS),
        (_MASK, *_FINE),
    ),
    Module(
        "SkullfixRefine",
        "refine",
        "Skullfix: refine an organ mask",
        "Refines a coarse mask of an aorta, heart, trachea or esophagus.",
        (
            Parameter(
                "string", "organ", "Organ", "aorta, heart, trachea, esophagus, or all for a "
                "label map.", "aorta",
            ),
            _FACTOR,
            _THREADS,
        ),
        (_MASK, *_FINE),
    ),
)  # fmt: skip
