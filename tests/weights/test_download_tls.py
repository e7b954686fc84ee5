"""Certificates: the authority of a laboratory is believed only where the environment names it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bad_server import BadServer

from skullfix.errors import WeightsError
from skullfix.weights.catalogue import Entry
from skullfix.weights.digest import sha256_of
from skullfix.weights.download import download
from skullfix.weights.library import Library

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a new key and its own certificate for 127.0.0.1."""
    path = tmp_path / "lab.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=lab"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run(["openssl", *words, *files], check=True, capture_output=True)
    path.write_text((tmp_path / "key").read_text() + (tmp_path / "cert").read_text())
    return path


@pytest.fixture
def lab(serve: Callable[..., BadServer], certificate: Path, library: Library) -> Library:
    server = serve()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return replace(library, mirrors=(server.url.replace("http:", "https:"),))


def test_unknown_authority_is_refused_at_once(lab: Library, remote: Entry) -> None:
    with pytest.raises(WeightsError, match="certificate was refused") as caught:
        download(remote, lab, lambda stage, fraction: None)
    assert "REQUESTS_CA_BUNDLE" in caught.value.message


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_named_authority_is_believed(
    variable: str,
    lab: Library,
    remote: Entry,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    path = download(remote, lab, lambda stage, fraction: None)
    assert sha256_of(path) == remote.sha256
