"""Downloads from a real server on loopback that misbehaves on purpose."""

from __future__ import annotations

import gzip
import os
import time
from dataclasses import replace
from pathlib import Path

import bad_server as bad
import pytest
from downloads import Serve, assert_refused, assert_right, bring, silent

from skullfix.errors import WeightsError
from skullfix.weights.catalogue import Entry
from skullfix.weights.download import download
from skullfix.weights.library import Library


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


def test_wrong_byte(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve()
    right = server.body
    server.body = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(WeightsError, match="the bytes have the sha256"):
        bring(remote, library, server)
    assert not list((library.cache / "files").glob("*.part*"))
    server.body = right
    assert_right(bring(remote, library, server), remote, library)


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


def test_stall_before_the_first_byte(serve: Serve, remote: Entry, library: Library) -> None:
    server = serve(lambda handler: time.sleep(1.0))
    assert_right(bring(remote, library, server), remote, library)


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
