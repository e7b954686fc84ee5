"""The accuracy of a model over a folder of skulls, and of the baselines on the same cases."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from skullfix.cases.defects import FAMILIES
from skullfix.cases.folder import IMPLANTS, PARTS, case_files, read_split
from skullfix.cases.simulate import simulate_defect
from skullfix.errors import InputError, MemoryLimitError, UsageError
from skullfix.evaluation.evaluate import evaluate_masks
from skullfix.evaluation.ledger import Ledger
from skullfix.evaluation.metrics import dice, reconstruction_error
from skullfix.evaluation.mirror import VERSION as MIRROR_VERSION
from skullfix.evaluation.mirror import mirror_implant
from skullfix.evaluation.scores import CaseScores
from skullfix.evaluation.table import OWN, accuracy_tables, case_table
from skullfix.files.whole import whole_file
from skullfix.images.mask import as_mask
from skullfix.images.read import read_scan
from skullfix.images.same_grid import check_same_grid
from skullfix.images.volume import Volume
from skullfix.implants.clean import CleanImplant, clean_implant
from skullfix.tasks.candidate import Completion, candidate_on
from skullfix.tasks.complete import complete_bone
from skullfix.tasks.document import Progress
from skullfix.tasks.model import load_model

VARIED_RANGE_ML = (15.0, 120.0)
METHODS = ("network", "mirror")
ROWS_FILE, TABLE_FILE = "cases.jsonl", "table.md"


@dataclass(frozen=True, eq=False)
class Method:
    """Something that makes implants.

    Attributes:
        name: In the table.
        source: Its exact version; rows of another one are measured again.
        answer: Makes the implant of a bool mask of bone, (z, y, x), not empty.
    """

    name: str
    source: str
    answer: Callable[[Volume], CleanImplant]


@dataclass(frozen=True)
class SetOptions:
    """What is measured.

    Attributes:
        part: ``validation`` or ``train``, the part of split.txt.
        model: None for the default, a name, ``name@version`` or a path.
        backend: Engine.
        families: Some of `families_of`; empty for all.
        cases: Names of skulls; empty for all of the part.
        methods: Some of METHODS, or others that the caller brings along.
        overwrite: Begin anew where the folder holds rows.
    """

    part: str = "validation"
    model: str | None = None
    backend: str = "auto"
    families: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    methods: tuple[str | Method, ...] = METHODS
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class SetResult:
    """The rows in the order of the cases, and the tables made of them."""

    rows: tuple[CaseScores, ...]
    tables: str
    document: dict[str, Any]


def evaluate_set(
    data: Path,
    output: Path | None = None,
    options: SetOptions | None = None,
    *,
    progress: Progress | None = None,
) -> SetResult:
    """Complete every skull of a folder, each with several defects, and compare with the truth.

    A skull has its own defect (where the folder holds implants) and one of every family, cut at
    full resolution by a seed that depends on its place in the part alone: 1000 * place + family.

    Args:
        data: In the AutoImplant layout; without ``implant/`` there are no own defects.
        output: Folder for ``cases.jsonl``, which grows row by row and is gone on with by a second
            run, and ``table.md``; nothing is written where there is none.
        options: See `SetOptions`.
        progress: Called with the case.

    Raises:
        UsageError: A part, family, case or method that does not exist.
        InputError: The folder lacks something, or its rows cannot be read.
        WeightsError: The checkpoint cannot be had.
        OutputError: The output cannot be written.
    """
    options = options or SetOptions()
    if options.part not in PARTS:
        raise UsageError(
            f"there is no part {options.part!r}", hint=f"choose one of {', '.join(PARTS)}"
        )
    names = read_split(data, options.part)
    families = _chosen("family", options.families, families_of(data))
    wanted = _chosen("case", options.cases, names)
    methods = _methods(options, progress)
    ledger = Ledger(output / ROWS_FILE if output else None, overwrite=options.overwrite)
    rows: list[CaseScores] = []
    not_cut: list[str] = []
    for done, name in enumerate(wanted):
        if progress is not None:
            progress(f"{name}, {done + 1} of {len(wanted)}", None)
        measured = _Skull(data, name, names.index(name), ledger)
        for family in families:
            found = [measured.score(family, method) for method in methods]
            rows += [row for row in found if row is not None]
            not_cut += [] if all(found) else [f"{name} {family}"]
    tables = accuracy_tables(sorted(rows, key=lambda row: families.index(row.family)))
    document = {
        "status": "success",
        "part": options.part,
        "sources": {method.name: method.source for method in methods},
        "rows": [row.to_dict() for row in rows],
        "not_cut": not_cut,
        "outputs": {},
    }
    if not_cut:
        tables += f"\n\nNo defect of that family could be cut: {', '.join(not_cut)}."
    if output is not None:
        text = f"{tables}\n\n{case_table(rows)}\n"
        with whole_file(output / TABLE_FILE, overwrite=True) as file:
            file.write(text.encode())
        document["outputs"] = {n: str(output / n) for n in (ROWS_FILE, TABLE_FILE)}
    return SetResult(tuple(rows), tables, document)


def families_of(data: Path) -> tuple[str, ...]:
    """Name the defects that the skulls of a folder can be given."""
    return (OWN, *FAMILIES) if (data / IMPLANTS).is_dir() else FAMILIES


def _methods(options: SetOptions, progress: Progress | None) -> list[Method]:
    """Make the methods ready that were asked for."""
    methods = [method for method in options.methods if isinstance(method, Method)]
    named = [name for name in options.methods if isinstance(name, str)]
    for name in _chosen("method", named, METHODS) if named or not methods else ():
        if name == "network":
            model = load_model(options.model, options.backend, progress)
            answer = partial(complete_bone, model=model)
            methods.append(Method(name, model.checkpoint.sha256, answer))
        else:
            methods.append(Method(name, MIRROR_VERSION, mirror_bone))
    return methods


def mirror_bone(bone: Volume) -> CleanImplant:
    """Complete a skull by the mirror baseline, brought to its grid and cleaned like a network's.

    Args:
        bone: bool (z, y, x), not empty.
    """
    found = mirror_implant(bone)
    return clean_implant(candidate_on(bone, Completion(found.implant, found.bone)), bone)


class _Skull:
    """A skull of the folder, read when the first of its rows is not in the ledger."""

    def __init__(self, data: Path, name: str, number: int, ledger: Ledger) -> None:
        self._data, self._name, self._number, self._ledger = data, name, number, ledger
        self._cut: tuple[str, tuple[Volume, Volume] | None] = ("", None)

    def score(self, family: str, method: Method) -> CaseScores | None:
        """Give a row, measured now or before; None where no such defect can be cut."""
        known = self._ledger.get((self._name, family, method.name, method.source))
        if known is not None:
            return known
        if self._cut[0] != family:  # the methods take turns at one defect
            self._cut = (family, self._defect(family))
        if self._cut[1] is None:
            return None
        row = _measure(self._name, family, method, *self._cut[1])
        self._ledger.add(row)
        return row

    @cached_property
    def _masks(self) -> tuple[Volume, Volume | None]:
        """The skull and the piece of its own defect."""
        skull, own = case_files(self._data, self._name)
        whole = as_mask(read_scan(skull).volume)[0]
        piece = as_mask(read_scan(own).volume)[0] if own else None
        if piece is not None:
            check_same_grid("implant", piece.geometry, "skull", whole.geometry)
        return whole, piece

    def _defect(self, family: str) -> tuple[Volume, Volume] | None:
        """Cut the skull: the defective bone and the true implant."""
        skull, own = self._masks
        if family == OWN and own is not None:
            return Volume(skull.array & ~own.array, skull.geometry), own
        seed = 1000 * self._number + FAMILIES.index(family)
        try:
            cut = simulate_defect(skull, seed, family=family, volume_range_ml=VARIED_RANGE_ML)
        except InputError:
            return None
        return cut.defective, cut.implant


def _measure(name: str, family: str, method: Method, bone: Volume, truth: Volume) -> CaseScores:
    """Let a method answer and compare with the truth; a refusal counts as an empty answer."""
    start, note = time.perf_counter(), ""
    try:
        implant = method.answer(bone).mask
    except (InputError, MemoryLimitError) as error:
        implant, note = Volume(np.zeros_like(bone.array), bone.geometry), error.message
    seconds = time.perf_counter() - start
    scores = evaluate_masks(implant, truth, bone)
    skull = bone.array | truth.array
    completed = bone.array | implant.array
    return CaseScores(
        case=name,
        family=family,
        method=method.name,
        source=method.source,
        truth_ml=round(scores.truth_ml, 3),
        predicted_ml=round(scores.prediction_ml, 3),
        dsc=scores.dice,
        bdsc=scores.boundary_dice or 0.0,
        hd95=scores.hausdorff95_mm,
        skull_dsc=dice(completed, skull),
        skull_re=reconstruction_error(completed, skull),
        copied_input_dsc=dice(bone.array, skull),
        seconds=round(seconds, 2),
        note=note or ("" if implant.array.any() else "no implant"),
    )


def _chosen(what: str, wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Give what was asked for in the order of what there is; all of it if nothing was.

    Raises:
        UsageError: Something that there is not.
    """
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"there is no {what} {name!r} here", hint=f"choose from {', '.join(known)}"
            )
    return [name for name in known if not wanted or name in wanted]
