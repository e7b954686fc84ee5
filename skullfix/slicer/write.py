"""Write the modules into a folder that 3D Slicer searches."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

from skullfix.errors import OutputError
from skullfix.files.whole import whole_file
from skullfix.slicer.modules import MODULES, Module, Parameter
from skullfix.version import __version__

LAUNCHER = Path(__file__).with_name("launch.py")
MORE = "skullfix --help, and the README of skullfix"


def write_modules(folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write ``NAME.xml``, ``NAME.py`` and ``NAME.json`` for each module.

    Slicer reads the XML beside a Python file and runs that file with its own Python; it starts
    skullfix as a process, with the Python that runs now.

    Args:
        folder: Made when absent.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputError: A file exists already or cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made ({error.strerror or error})", hint="choose another folder"
        ) from error
    for module in MODULES:
        texts = {
            ".xml": description(module),
            ".py": LAUNCHER.read_text(encoding="utf-8"),
            ".json": json.dumps(call(module), indent=2) + "\n",
        }
        for suffix, text in texts.items():
            path = folder / f"{module.name}{suffix}"
            with whole_file(path, overwrite=overwrite) as file:
                file.write(text.encode())
            if suffix == ".py":
                path.chmod(0o755)
            written.append(path)
    return written


def call(module: Module) -> dict[str, object]:
    """Tell the launcher how to start skullfix, and what the parameters mean."""
    frozen = getattr(sys, "frozen", False)
    return {
        "program": [sys.executable] if frozen else [sys.executable, "-m", "skullfix"],
        "task": module.task,
        "title": module.title,
        "flags": {p.flag: p.kind for p in module.options},
        "outputs": [p.output for p in module.files if p.channel == "output"],
    }


def description(module: Module) -> str:
    """Describe a module in the XML of the Slicer Execution Model."""
    root = ElementTree.Element("executable")
    for name, text in (
        ("category", "Skullfix"),
        ("title", module.title),
        ("description", module.description),
        ("version", __version__),
        ("documentation-url", MORE),
        ("license", "Apache-2.0; weights as `skullfix weights list` shows"),
        ("contributor", "The skullfix developers"),
    ):
        ElementTree.SubElement(root, name).text = text
    for label, parameters in (("Files", module.files), ("Options", module.options)):
        group = ElementTree.SubElement(root, "parameters")
        ElementTree.SubElement(group, "label").text = label
        ElementTree.SubElement(group, "description").text = f"{label} of the task."
        for number, parameter in enumerate(parameters):
            _add(group, parameter, number)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _add(group: ElementTree.Element, parameter: Parameter, index: int) -> None:
    """Add one parameter to its group."""
    item = ElementTree.SubElement(group, parameter.kind)
    if parameter.type:
        item.set("type", parameter.type)
    if parameter.kind == "geometry":
        item.set("fileExtensions", ".stl")
    facts = {"name": parameter.name, "label": parameter.label}
    facts["description"] = parameter.description
    if parameter.channel:
        facts |= {"channel": parameter.channel, "index": str(index)}
    else:
        facts |= {"longflag": parameter.flag, "default": parameter.default}
    for name, text in facts.items():
        ElementTree.SubElement(item, name).text = text
