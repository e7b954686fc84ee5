from __future__ import annotations

from pathlib import Path

import pytest

from skullfix.weights.part import Part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    part = Part(tmp_path / "a.part")
    with part.begin("http://x/a", '"one"') as stream:
        stream.write(b"12345")
    return part


def test_continued_only_for_its_own_url_and_size(part: Part) -> None:
    assert part.resumable("http://x/a", 10) == (5, '"one"')
    assert part.resumable("http://y/a", 10) == (0, "")
    assert part.resumable("http://x/a", 4) == (0, "")


def test_nothing_there(tmp_path: Path) -> None:
    assert Part(tmp_path / "b").resumable("http://x/a", 10) == (0, "")


@pytest.mark.parametrize("note", ["", "{", "[]", "null", "{}", '{"url": "http://x/a"}', '"url"'])
def test_damaged_note(note: str, part: Part) -> None:
    part.note.write_text(note)
    assert part.resumable("http://x/a", 10) == (0, "")


@pytest.mark.parametrize("validator", ["7", "null", '""', "[]"])
def test_damaged_validator(validator: str, part: Part) -> None:
    part.note.write_text(f'{{"url": "http://x/a", "validator": {validator}}}')
    assert part.resumable("http://x/a", 10) == (0, "")


def test_without_a_validator_nothing_is_continued(part: Part) -> None:
    with part.begin("http://x/a", "") as stream:
        stream.write(b"1")
    assert part.resumable("http://x/a", 10) == (0, "")


def test_begin_empties_and_discard_removes(part: Part) -> None:
    part.begin("http://x/b", '"two"').close()
    assert part.path.read_bytes() == b""
    part.discard()
    part.discard()
    assert not part.path.exists()
    assert not part.note.exists()
