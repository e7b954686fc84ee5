from __future__ import annotations

import pytest

from skullfix.cli.main import run


@pytest.mark.parametrize(
    "words",
    [
        ("--part", "train"),
        ("--model", "foo"),
        ("--families", "xx"),
        ("--cases", "000"),
        ("--methods", "mirror"),
        ("--output", "out"),
        ("--overwrite",),
    ],
)
def test_two_masks_refuse_the_options_of_a_set(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "a.nrrd", "b.nrrd", *words]) == 2
    assert capsys.readouterr().err.startswith(f"error: {words[0]} belongs to --set")


def test_a_set_refuses_a_defective_skull(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--set", "folder", "--defective", "a.nrrd"]) == 2
    assert "--defective" in capsys.readouterr().err
