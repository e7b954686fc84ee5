"""Every help page, of groups too, shows two examples that name real commands and options."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from skullfix.cli.manual import commands

PAGES = {" ".join(path): command for path, command in commands()}


def examples(command: Any) -> list[list[str]]:
    lines = [line.strip() for line in (command.help or "").splitlines()]
    found = [line.removeprefix("Example:") for line in lines if line.startswith("Example:")]
    return [shlex.split(line.partition(" > ")[0]) for line in found]


def test_all_commands_are_walked() -> None:
    assert {"skullfix", "skullfix complete", "skullfix weights pull"} <= set(PAGES)
    assert len(PAGES) > 20


@pytest.mark.parametrize("page", PAGES)
def test_each_help_page_has_two_examples(page: str) -> None:
    shown = examples(PAGES[page])
    assert len(shown) >= 2
    assert len({tuple(words) for words in shown}) == len(shown)


@pytest.mark.parametrize("page", PAGES)
def test_paragraphs_are_lines_that_the_terminal_may_break(page: str) -> None:
    paragraphs = (PAGES[page].help or "").strip().split("\n\n")
    assert not [text for text in paragraphs[1:] if "\n" in text.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_of_the_command_and_its_options(page: str) -> None:
    for words in examples(PAGES[page]):
        assert " ".join(words).startswith(page)
        named = next(
            path
            for path in sorted(PAGES, key=len, reverse=True)
            if words[: len(path.split())] == path.split()
        )
        known = {name for parameter in PAGES[named].params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
