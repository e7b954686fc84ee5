"""Downloads from a real server on loopback that misbehaves on purpose."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bad_server as bad
import pytest
from bad_server import BadServer

from skullfix.errors import WeightsError
from skullfix.weights.cache import cached_path
from skullfix.weights.catalogue import Entry
from skullfix.weights.digest import sha256_of
from skullfix.weights.download import download
from skullfix.weights.library import Library
from skullfix.weights.part import Part
from skullfix.weights.transfer import CHUNK

Serve = Callable[..., BadServer]


def silent(stage: str, fraction: float | None) -> None:
    """Report to nobody."""


def bring(entry: Entry, library: Library, *servers: BadServer) -> Path:
    return download(entry, replace(library, mirrors=tuple(s.url for s in servers)), silent)


def assert_right(path: Path, entry: Entry, library: Library) -> None:
    assert path == cached_path(library.cache, entry.sha256)
    assert sha256_of(path) == entry.sha256
    left = {p.name for p in path.parent.iterdir()}
    assert left <= {path.name, f"{entry.sha256}.lock"}


def assert_refused(entry: Entry, library: Library, *servers: BadServer) -> str:
    """Check what every failure must hold, and that a later run succeeds all the same."""
    with pytest.raises(WeightsError) as caught:
        bring(entry, library, *servers)
    target = cached_path(library.cache, entry.sha256)
    assert not target.exists()
    message = caught.value.message
    assert caught.value.exit_code == 4
    assert caught.value.hint
    assert f"{servers[0].url}/{entry.file}" in message
    assert entry.sha256 in message
    assert str(target) in message
    healthy = BadServer(servers[0].body)
    try:
        healthy.body = next((s.body for s in servers if len(s.body) == entry.size), healthy.body)
        assert_right(bring(entry, library, healthy), entry, library)
    finally:
        healthy.close()
    return message


def assert_resumed(server: BadServer, at: int, request: int = -1) -> None:
    """Check that a request went on where the bytes ended, to within the last chunk."""
    asked = server.ranges()[request]
    first = int(asked[6:-1]) if asked else 0
    assert at - CHUNK < first <= at


def test_good_server(serve: Serve, remote: Entry, library: Library) -> None:
    stages: list[tuple[str, float | None]] = []
    server = serve()
    path = download(
        remote,
        replace(library, mirrors=(server.url,)),
        lambda stage, fraction: stages.append((stage, fraction)),
    )
    assert_right(path, remote, library)
    assert server.requests[0][0] == f"/weights/{remote.file}"
    assert server.requests[0][1]["user-agent"].startswith("skullfix/")
    assert stages[0][1] == 0.0
    assert stages[-1][1] == 1.0


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


def test_wrong_byte(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    right = server.body
    server.body = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(WeightsError, match="the bytes have the sha256"):
        bring(remote, library, server)
    assert not list((library.cache / "files").glob("*.part*"))
    server.body = right
    assert_right(bring(remote, library, server), remote, library)


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


@pytest.mark.parametrize("change", [-1, 1, 1000])
def test_wrong_length(change: int, serve: Serve, remote: Entry, library: Library) -> None:
    body = serve().body
    longer = body + b"x" * max(change, 0)
    server = serve(
        bad.fixed(200, {"Content-Length": str(len(body) + change)}, longer[: len(body) + change])
    )
    assert f"{len(body) + change} bytes" in assert_refused(remote, library, server)


def test_more_bytes_than_expected_without_a_length(
    serve: Serve, remote: Entry, library: Library
) -> None:
    server = serve(bad.fixed(200, {}, serve().body + b"x"))
    assert "more than the expected" in assert_refused(remote, library, server)


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_refusal_is_not_repeated(code: int, serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.status(code))
    assert str(code) in assert_refused(remote, library, server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_trouble_then_success(code: int, serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.status(code), bad.status(code))
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 3


def test_trouble_that_stays(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(*[bad.status(500)] * 3)
    assert "500" in assert_refused(remote, library, server)
    assert len(server.requests) == 3


def test_retry_after_is_obeyed_within_reason(serve: Serve, remote: Entry, library: Library) -> None:
    patient = replace(library, patience=replace(library.patience, longest_delay=0.3))
    server = serve(bad.status(429, Retry_After="86400"))
    began = time.monotonic()
    assert_right(bring(remote, patient, server), remote, library)
    assert time.monotonic() - began >= 0.3


def test_waiting_is_reported_with_its_reason(serve: Serve, remote: Entry, library: Library) -> None:
    server, stages = serve(bad.status(503)), []
    lab = replace(library, mirrors=(server.url,))
    download(remote, lab, lambda stage, fraction: stages.append(stage))
    assert any(stage.startswith("wait 0 s: the server answered 503") for stage in stages)


def test_redirect(serve: Serve, remote: Entry, library: Library) -> None:
    target = serve()
    server = serve(bad.redirect(f"{target.url}/elsewhere"))
    assert_right(bring(remote, library, server), remote, library)
    assert target.requests[0][0] == "/weights/elsewhere"


def test_redirect_in_a_circle(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    server.plan.extend([bad.redirect(f"{server.url}/{remote.file}")] * 40)
    assert "redirects" in assert_refused(remote, library, server)


def test_stall_past_the_timeout(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.stall(0.5, 2.0))
    assert_right(bring(remote, library, server), remote, library)
    assert len(server.requests) == 2
    assert_resumed(server, remote.size // 2)


def test_stall_before_the_first_byte(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(lambda handler: time.sleep(1.0))
    assert_right(bring(remote, library, server), remote, library)


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


def test_web_page_instead_of_the_file(serve: Serve, remote: Entry, library: Library) -> None:
    page = b"<html>Please log in</html>"
    server = serve(
        bad.fixed(
            200,
            {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(page))},
            page,
        )
    )
    assert "web page" in assert_refused(remote, library, server)


def test_web_page_that_calls_itself_a_file(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.fixed(200, {}, b"<html>Please log in</html>"), *[bad.status(404)] * 2)
    assert_refused(remote, library, server)


def test_packed_answer_is_refused(serve: Serve, remote: Entry, library: Library) -> None:
    packed = gzip.compress(serve().body)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    server = serve(bad.fixed(200, headers, packed))
    assert "gzip" in assert_refused(remote, library, server)
    assert server.requests[0][1]["accept-encoding"] == "identity"


def test_no_server_at_all(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    server.close()
    assert "connection failed" in assert_refused(remote, library, server)


def test_mirrors_in_order(serve: Serve, remote: Entry, library: Library) -> None:
    first, second, third = serve(bad.status(404)), serve(), serve()
    assert_right(bring(remote, library, first, second, third), remote, library)
    assert [len(s.requests) for s in (first, second, third)] == [1, 1, 0]


def test_second_mirror_does_not_continue_the_first_ones_bytes(
    serve: Serve, remote: Entry, library: Library
) -> None:
    first, second = serve(bad.truncate(0.5), *[bad.status(404)]), serve()
    assert_right(bring(remote, library, first, second), remote, library)
    assert second.ranges() == [None]


def test_every_mirror_is_named(serve: Serve, remote: Entry, library: Library) -> None:
    servers = [serve(bad.status(404)), serve(bad.status(403))]
    message = assert_refused(remote, library, *servers)
    assert all(server.url in message for server in servers)


def test_password_is_not_shown(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.status(404))
    url = server.url.replace("http://", "http://me:secret@")
    with pytest.raises(WeightsError) as caught:
        download(remote, replace(library, mirrors=(url,)), silent)
    assert "secret" not in str(caught.value)
    assert "authorization" in server.requests[0][1]


def test_proxy_variable_is_obeyed(
    serve: Serve, remote: Entry, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve()
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/weights"))
    elsewhere = replace(library, mirrors=("http://weights.invalid/lab",))
    assert_right(download(remote, elsewhere, silent), remote, library)
    assert proxy.requests[0][0] == f"http://weights.invalid/lab/{remote.file}"


def test_no_mirror_configured(remote: Entry, library: Library) -> None:
    with pytest.raises(WeightsError, match="no mirror is configured") as caught:
        download(remote, library, silent)
    assert "SKULLFIX_WEIGHTS_URL" in caught.value.hint


def test_disk_too_small_is_found_first(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    huge = replace(remote, size=10**18)
    with pytest.raises(WeightsError, match="free") as caught:
        bring(huge, library, server)
    assert "SKULLFIX_CACHE" in caught.value.hint
    assert not server.requests


def test_cache_below_a_file(serve: Serve, remote: Entry, library: Library, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(WeightsError, match="cannot be written") as caught:
        bring(remote, replace(library, cache=tmp_path / "taken" / "cache"), serve())
    assert "SKULLFIX_CACHE" in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_no_write_permission(serve: Serve, remote: Entry, library: Library) -> None:
    library.cache.mkdir(mode=0o555)
    with pytest.raises(WeightsError, match="cannot be written"):
        bring(remote, library, serve())


PROGRAM = """
import sys
from pathlib import Path
from skullfix.weights.library import Library
from skullfix.weights.resolve import resolve_checkpoint
{before}
library = Library(Path(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3],))
print(resolve_checkpoint(None, task="complete", library=library).source)
"""


def start(library: Library, server: BadServer, before: str = "") -> subprocess.Popen[str]:
    program = PROGRAM.format(before=before)
    arguments = [str(library.released), str(library.cache), server.url]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_download_once(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.drip(20, 0.1))
    processes = [start(library, server) for _ in range(2)]
    results = [process.communicate(timeout=60) for process in processes]
    assert all(process.returncode == 0 for process in processes), results
    assert len(server.requests) == 1
    assert_right(cached_path(library.cache, remote.sha256), remote, library)


def test_kill_in_the_middle_then_resume(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(bad.drip(50, 0.05))
    part = cached_path(library.cache, remote.sha256).with_suffix(".part")
    with start(library, server) as process:
        deadline = time.monotonic() + 30
        while not (part.is_file() and part.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert not cached_path(library.cache, remote.sha256).exists()
    have = part.stat().st_size
    assert 0 < have < remote.size
    assert_right(bring(remote, library, server), remote, library)
    assert server.ranges()[-1] == f"bytes={have}-"


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_disk_full_while_writing(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    with start(library, server, limit) as process:
        noise = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "WeightsError" in noise
    assert "cannot be written" in noise
    assert not list((library.cache / "files").glob("*.part*"))
    assert_right(bring(remote, library, server), remote, library)
