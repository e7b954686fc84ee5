"""A whole accuracy table through the real command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import skullfix

from skullfix.cases.defects import FAMILIES
from skullfix.errors import InputError, UsageError
from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.images.write import write_volume
from skullfix.implants.clean import CleanImplant, clean_implant
from skullfix.tasks.evaluate_set import Method, SetOptions, evaluate_set, families_of


def evaluate(*words: object) -> subprocess.CompletedProcess[str]:
    return skullfix("evaluate", *words, timeout=400)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One skull with its own defect, in the AutoImplant layout, and one for training."""
    folder = tmp_path_factory.mktemp("set")
    patient = head_phantom(spacing=(2.0, 2.0, 2.0))
    for room, mask in (("complete_skull", patient.bone), ("implant", patient.implant)):
        (folder / room).mkdir()
        labels = Volume(mask.array.astype(np.uint8), mask.geometry)
        write_volume(labels, folder / room / "b.nii.gz")
    (folder / "split.txt").write_text("a train\nb validation\n")
    return folder


@pytest.fixture(scope="module")
def measured(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    output = tmp_path_factory.mktemp("accuracy")
    done = evaluate("--set", data, "--families", "challenge", "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    return output, json.loads(done.stdout)


def test_rows_of_both_methods(measured: tuple[Path, dict[str, Any]]) -> None:
    output, document = measured
    assert [(r["case"], r["family"], r["method"]) for r in document["rows"]] == [
        ("b", "challenge", "network"),
        ("b", "challenge", "mirror"),
    ]
    for row in document["rows"]:
        assert row["dsc"] > 0.5
        assert row["copied_input_dsc"] < row["skull_dsc"] <= 1
    assert document["sources"]["network"] == document["rows"][0]["source"]
    lines = (output / "cases.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == document["rows"]
    assert "| challenge | mirror | 1 |" in (output / "table.md").read_text()


def test_a_second_run_measures_only_what_is_new(
    data: Path, measured: tuple[Path, dict[str, Any]]
) -> None:
    output, document = measured
    options = SetOptions(families=("two-holes", "challenge"), methods=("mirror",))
    rows = evaluate_set(data, output, options).rows
    assert [row.family for row in rows] == ["challenge", "two-holes"]
    assert rows[0].to_dict() == document["rows"][1]  # the very seconds
    assert len((output / "cases.jsonl").read_text().splitlines()) == 3


def test_a_method_of_the_callers_own_is_measured_beside(data: Path) -> None:
    truth = head_phantom(spacing=(2.0, 2.0, 2.0)).implant

    def oracle(bone: Volume) -> CleanImplant:
        return clean_implant(Volume(truth.array & ~bone.array, bone.geometry), bone)

    methods = (Method("oracle", "1", oracle),)
    (row,) = evaluate_set(data, None, SetOptions(families=("challenge",), methods=methods)).rows
    assert (row.method, row.source) == ("oracle", "1")
    assert row.dsc > 0.95


@pytest.mark.parametrize(
    "options",
    [
        SetOptions(families=("nose",)),
        SetOptions(cases=("a",)),
        SetOptions(methods=("luck",)),
        SetOptions(part="test"),
    ],
)
def test_what_there_is_not_is_refused(options: SetOptions, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no") as caught:
        evaluate_set(data, tmp_path / "out", options)
    assert "choose" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_skull_without_its_file_is_refused(data: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        evaluate_set(data, None, SetOptions(part="train", methods=("mirror",)))


def test_skulls_without_implants_have_no_own_defect(data: Path, tmp_path: Path) -> None:
    assert families_of(data)[0] == "challenge"
    assert families_of(tmp_path) == FAMILIES


@pytest.mark.parametrize(
    ("words", "code"),
    [(("one.nrrd",), 2), (("one.nrrd", "two.nrrd", "--set", "."), 2), (("--set", "nowhere"), 3)],
)
def test_a_command_that_says_too_little_or_too_much(words: tuple[str, ...], code: int) -> None:
    done = evaluate(*words)
    assert done.returncode == code, done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("hint: ")
