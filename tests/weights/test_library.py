from __future__ import annotations

from pathlib import Path

import pytest

from skullfix.errors import WeightsError
from skullfix.weights.library import Library, released_folder


def test_defaults() -> None:
    library = Library.from_environment({})
    assert library.released == released_folder()
    assert library.mirrors == ()
    assert not library.offline
    assert "skullfix" in library.cache.name


def test_everything_configured(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    library = Library.from_environment(
        {
            "SKULLFIX_CACHE": str(tmp_path / "c"),
            "SKULLFIX_WEIGHTS_FOLDER": str(tmp_path / "w"),
            "SKULLFIX_WEIGHTS_URL": "https://a/x/, http://b  HTTPS://c",
            "SKULLFIX_OFFLINE": "1",
        }
    )
    assert library.cache == tmp_path / "c"
    assert library.imported == tmp_path / "c" / "imported"
    assert library.released == tmp_path / "w"
    assert library.mirrors == ("https://a/x", "http://b", "HTTPS://c")
    assert library.offline


def test_shelf_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no folder"):
        Library.from_environment({"SKULLFIX_WEIGHTS_FOLDER": str(tmp_path / "w")})


@pytest.mark.parametrize("variable", ["SKULLFIX_CACHE", "SKULLFIX_WEIGHTS_FOLDER"])
def test_a_home_that_is_not_there(variable: str) -> None:
    with pytest.raises(WeightsError, match="no such home") as caught:
        Library.from_environment({variable: "~nosuchuser/x"})
    assert variable in caught.value.hint


def test_relative_cache_is_made_absolute() -> None:
    assert Library.from_environment({"SKULLFIX_CACHE": "c"}).cache == Path.cwd() / "c"


@pytest.mark.parametrize("word", ["", "0", "false", " "])
def test_online(word: str) -> None:
    assert not Library.from_environment({"SKULLFIX_OFFLINE": word}).offline


@pytest.mark.parametrize("url", ["ftp://a", "file:///a", "a/b"])
def test_mirror_of_another_kind(url: str) -> None:
    with pytest.raises(WeightsError) as caught:
        Library.from_environment({"SKULLFIX_WEIGHTS_URL": url})
    assert "SKULLFIX_WEIGHTS_FOLDER" in caught.value.hint
