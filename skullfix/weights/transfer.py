"""One try to bring a file from one URL into a part, continuing it where that is safe."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from skullfix.weights.backoff import retry_after
from skullfix.weights.library import Patience
from skullfix.weights.part import Part

if TYPE_CHECKING:
    from requests import Response, Session

CHUNK = 1 << 14  # bytes between two reports; a break loses less than this
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that a later try may change


class TransferError(Exception):
    """A try that failed.

    Attributes:
        again: Whether another try at the same URL makes sense.
        wait: Seconds that the server asked for before it, or None.
    """

    def __init__(self, reason: str, *, again: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.again = again
        self.wait = wait


def transfer(
    session: Session,
    url: str,
    part: Part,
    size: int,
    patience: Patience,
    report: Callable[[int], None],
) -> None:
    """Bring the bytes that a part still lacks.

    Args:
        session: Carries proxies and certificates.
        url: The file's address.
        part: Where the bytes go; on return it holds ``size`` bytes, not yet checked by hash.
        size: Expected bytes of the whole file.
        patience: Time limits.
        report: Called with the number of bytes that the part holds.

    Raises:
        TransferError: The try failed; what came so far stays in the part if it can be continued.
        OSError: The part cannot be written.
    """
    from requests import RequestException
    from requests.exceptions import (
        InvalidURL,
        SSLError,
        TooManyRedirects,
    )

    have, validator = part.resumable(url, size)
    if have == size:
        return
    headers = {"Accept-Encoding": "identity"}  # the bytes as they are: their number is checked
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        with session.get(
            url, headers=headers, stream=True, timeout=(patience.connect, patience.read)
        ) as answer:
            _check_answer(answer, part)
            _receive(answer, url, part, size, have, validator, report)
    except SSLError as error:
        raise TransferError(
            f"the certificate was refused ({error}); for an own authority set REQUESTS_CA_BUNDLE",
            again=False,
        ) from error
    except (InvalidURL, TooManyRedirects) as error:
        raise TransferError(str(error), again=False) from error
    except RequestException as error:
        raise TransferError(f"the connection failed: {error}", again=True) from error


def _check_answer(answer: Response, part: Part) -> None:
    """Refuse an answer that is not the file, by its status and its headers."""
    status = answer.status_code
    if status == 416:  # what we have does not fit what the server has now
        part.discard()
        raise TransferError("the server refused to continue the file (416)", again=True)
    if status not in (200, 206):
        raise TransferError(
            f"the server answered {status} {answer.reason}",
            again=status in AGAIN,
            wait=retry_after(answer.headers.get("Retry-After")),
        )
    kind = answer.headers.get("Content-Type", "").lower()
    if kind.startswith(("text/html", "application/xhtml")):
        raise TransferError(
            "a web page came instead of the file (the log-in page of a network or a proxy?)",
            again=False,
        )
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("", "identity"):
        raise TransferError(f"the server insists on the encoding {encoding}", again=False)


def _receive(
    answer: Response,
    url: str,
    part: Part,
    size: int,
    have: int,
    validator: str,
    report: Callable[[int], None],
) -> None:
    """Write an accepted answer's bytes into the part."""
    current = _validator(answer)
    if answer.status_code == 206:
        begins = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
        fits = begins is not None and tuple(map(int, begins.groups())) == (have, size - 1, size)
        if not have or not fits or current != validator:
            part.discard()  # another range, or the file there changed: nothing of it is used
            raise TransferError("the server continued another file than the one begun", again=True)
        stream, got, expected = part.path.open("ab"), have, size - have
    else:
        stream, got, expected = None, 0, size
    length = answer.headers.get("Content-Length")
    if length is not None and length != str(expected):
        if stream is not None:
            stream.close()
        part.discard()
        raise TransferError(f"the file there has {length} bytes, not {expected}", again=False)
    with stream or part.begin(url, current) as sink:
        for chunk in answer.iter_content(CHUNK):
            got += len(chunk)
            if got > size:
                break
            sink.write(chunk)
            report(got)
    if got > size:
        part.discard()
        raise TransferError(f"more than the expected {size} bytes came", again=False)
    if got < size:
        raise TransferError(f"the connection ended at byte {got} of {size}", again=True)


def _validator(answer: Response) -> str:
    """Return what identifies the version of a file at a server; "" where nothing does.

    A weak ETag (``W/"…"``) does not vouch for bytes (RFC 9110, 8.8.1), so it is passed over.
    """
    etag = answer.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return answer.headers.get("Last-Modified", "")
