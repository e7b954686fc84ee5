"""Downloads that are cut off and go on, or must not go on."""

from __future__ import annotations

import bad_server as bad
import pytest
from downloads import Serve, assert_resumed, assert_right, bring

from skullfix.errors import WeightsError
from skullfix.weights.cache import cached_path
from skullfix.weights.catalogue import Entry
from skullfix.weights.library import Library
from skullfix.weights.part import Part


@pytest.mark.parametrize("tenth", range(10))
def test_truncation_then_resume(tenth: int, serve: Serve, remote: Entry, library: Library) -> None:
    cut = remote.size * tenth // 10
    server = serve(bad.stop_at(cut))
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 2
    assert_resumed(server, cut)


def test_truncation_at_each_tenth_of_one_download(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve(*(bad.stop_at(remote.size * tenth // 10) for tenth in range(1, 10)))
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 10


def test_truncation_then_resume_in_a_later_run(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve(bad.truncate(0.5), *[bad.status(503)] * 2)
    with pytest.raises(WeightsError, match="503"):
        bring(remote, library, server)
    assert_right(bring(remote, library, server), remote, library)
    assert_resumed(server, remote.size // 2)


def test_wrong_byte_in_a_leftover_is_not_trusted(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve()
    url = f"{server.url}/{remote.file}"
    part = Part(cached_path(library.cache, remote.sha256).with_suffix(".part"))
    part.path.parent.mkdir(parents=True)
    with part.begin(url, server.etag) as stream:
        stream.write(b"x" * 1000)
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges() == ["bytes=1000-", None]


def test_whole_leftover_of_wrong_bytes_is_not_trusted(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve()
    part = Part(cached_path(library.cache, remote.sha256).with_suffix(".part"))
    part.path.parent.mkdir(parents=True)
    with part.begin(f"{server.url}/{remote.file}", server.etag) as stream:
        stream.write(b"x" * remote.size)
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges() == [None]


def test_stall_past_the_timeout(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.stall(0.5, 2.0))
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 2
    assert_resumed(server, remote.size // 2)


def test_server_without_range(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.truncate(0.7), bad.whole)
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges()[1] is not None


def test_server_without_any_validator_starts_again(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve(bad.truncate(0.5))
    server.etag = ""
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges() == [None, None]


def test_weak_etag_does_not_vouch_for_bytes(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.truncate(0.5))
    server.etag = 'W/"one"'
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges() == [None, None]


def test_file_changes_between_two_ranges(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    right = server.body

    def old_half(handler: bad.Handler) -> None:
        server.body = b"old" + right[3:]
        bad.truncate(0.5)(handler)
        server.body, server.etag = right, '"two"'

    server.plan.append(old_half)
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 2
    assert_resumed(server, remote.size // 2)


@pytest.mark.parametrize(("etag", "shift"), [('"two"', 0), (None, 0), ('"one"', 7)])
def test_range_of_another_file_is_not_mixed_in(
    etag: str | None, shift: int, serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve(bad.truncate(0.5), bad.blind_range(etag, shift))
    assert_right(bring(remote, library, server), remote, library)
    assert_resumed(server, remote.size // 2, request=1)
    assert server.ranges()[2] is None


def test_range_that_nobody_asked_for(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.blind_range('"one"', 0))
    assert_right(bring(remote, library, server), remote, library)


def test_server_that_refuses_the_range(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.truncate(0.5), bad.status(416))
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges()[2] is None


def test_second_mirror_does_not_continue_the_first_ones_bytes(
    serve: Serve, remote: Entry, library: Library
) -> None:
    first, second = serve(bad.truncate(0.5), *[bad.status(404)]), serve()
    assert_right(bring(remote, library, first, second), remote, library)
    assert second.ranges() == [None]
