#!/usr/bin/env python3
"""Started by 3D Slicer: runs skullfix and puts its outputs where Slicer wants them.

The file NAME.json beside this one says how skullfix is started and what the parameters mean.
Progress goes to stdout in Slicer's form, messages to stderr. Only the standard library is used,
because Slicer's own Python runs this file.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STAGES = 7  # about as many as a task has, for the bar
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def main() -> int:
    """Run the task that belongs to this file's name."""
    own = Path(sys.argv[0])
    if sys.argv[1:] == ["--xml"]:
        sys.stdout.write(own.with_suffix(".xml").read_text(encoding="utf-8"))
        return 0
    call = json.loads(own.with_suffix(".json").read_text(encoding="utf-8"))
    options, files = split(sys.argv[1:], call["flags"])
    if len(files) != 1 + len(call["outputs"]):
        print(
            f"expected 1 input and {len(call['outputs'])} outputs, found {files}", file=sys.stderr
        )
        return 2
    print(f"<filter-start><filter-name>{call['title']}</filter-name></filter-start>", flush=True)
    with tempfile.TemporaryDirectory(prefix="skullfix-slicer-") as folder:
        words = [*call["program"], call["task"], files[0], "-o", folder]
        words += [*options, "--no-report", "--json"]
        code, text = follow(words)
        if code == 0:
            code = hand_over(json.loads(text), call["outputs"], files[1:])
    print("<filter-progress>1</filter-progress>", flush=True)
    print(f"<filter-end><filter-name>{call['title']}</filter-name></filter-end>", flush=True)
    return code


def split(words: list[str], flags: dict[str, str]) -> tuple[list[str], list[str]]:
    """Tell flags, with their values, from files."""
    options: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        name, _, value = word[2:].partition("=") if word.startswith("--") else ("", "", "")
        if name not in flags:
            files.append(word)
        elif flags[name] == "boolean":
            options.append(f"--{name}")
        else:
            value = value or next(rest, "")
            if flags[name] == "double":
                value = f"{float(value):g}"
            options += [f"--{name}", value]
    return options, files


def follow(words: list[str]) -> tuple[int, str]:
    """Run skullfix; its stages become progress. Gives its exit code and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(
            words,
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        assert process.stderr is not None
        for number, line in enumerate(process.stderr, start=1):
            sys.stderr.write(line)
            print(f"<filter-progress-text>{line.strip()}</filter-progress-text>")
            print(
                f"<filter-progress>{min(0.95, number / STAGES):.2f}</filter-progress>", flush=True
            )
        code = process.wait()
        printed.seek(0)
        return code, printed.read()


def hand_over(document: dict, names: list[str], wanted: list[str]) -> int:  # type: ignore[type-arg]
    """Move the outputs to where Slicer wants them."""
    for text in document["warnings"]:
        print(f"warning: {text}", file=sys.stderr)
    if document["status"] == "no_defect":
        print("no defect found: there is no implant to hand over", file=sys.stderr)
        return 1
    for name, place in zip(names, wanted):  # noqa: B905  (Slicer's Python may be 3.9)
        made = Path(document["outputs"][name])
        if made.suffix != Path(place).suffix:
            print(f"{place}: only {made.suffix} can be written", file=sys.stderr)
            return 2
        shutil.move(str(made), place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
