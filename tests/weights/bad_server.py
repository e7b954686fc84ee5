"""A real HTTP server on loopback that misbehaves on purpose, one behaviour a request."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler"], None]


class BadServer(ThreadingHTTPServer):
    """Serves ``body`` at every path; each request takes the next behaviour, then the last one.

    Attributes:
        body: The file.
        etag: Its version, sent with each answer.
        plan: Behaviours for the next requests; when it is empty the server is good.
        requests: Path and headers of each request so far.
    """

    daemon_threads = True

    def __init__(self, body: bytes, *plan: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = body
        self.etag = '"one"'
        self.plan = deque(plan)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/weights"

    def ranges(self) -> list[str | None]:
        return [headers.get("range") for _, headers in self.requests]

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are a part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        with self.server.lock:
            self.server.requests.append((self.path, headers))
            behaviour = self.server.plan.popleft() if self.server.plan else good
        self.close_connection = True
        behaviour(self)

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def begin(handler: Handler) -> bytes:
    """Send the headers of a good answer; return the bytes that must follow."""
    body, etag = handler.server.body, handler.server.etag
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    same = handler.headers.get("If-Range") in (None, etag)
    if wanted and same:
        first = int(wanted[1])
        if first >= len(body):
            handler.answer(416, {"Content-Range": f"bytes */{len(body)}"})
            return b""
        headers = {"Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
        status, rest = 206, body[first:]
    else:
        headers, status, rest = {}, 200, body
    headers |= {"Content-Length": str(len(rest)), "Content-Type": "application/octet-stream"}
    if etag:
        headers["ETag"] = etag
    handler.answer(status, headers)
    return rest


def good(handler: Handler) -> None:
    handler.wfile.write(begin(handler))


def truncate(fraction: float) -> Behaviour:
    """Promise everything, send a part, hang up."""

    def behave(handler: Handler) -> None:
        rest = begin(handler)
        handler.wfile.write(rest[: int(len(rest) * fraction)])

    return behave


def stop_at(byte: int) -> Behaviour:
    """Hang up at this byte of the file, wherever the answer began."""

    def behave(handler: Handler) -> None:
        rest = begin(handler)
        handler.wfile.write(rest[: max(0, byte - (len(handler.server.body) - len(rest)))])

    return behave


def stall(fraction: float, seconds: float) -> Behaviour:
    def behave(handler: Handler) -> None:
        rest = begin(handler)
        handler.wfile.write(rest[: int(len(rest) * fraction)])
        handler.wfile.flush()
        time.sleep(seconds)

    return behave


def drip(pieces: int, seconds: float) -> Behaviour:
    """Send the file in pieces with pauses."""

    def behave(handler: Handler) -> None:
        rest = begin(handler)
        step = len(rest) // pieces + 1
        for first in range(0, len(rest), step):
            handler.wfile.write(rest[first : first + step])
            handler.wfile.flush()
            time.sleep(seconds)

    return behave


def status(code: int, **headers: str) -> Behaviour:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda handler: handler.answer(code, {"Content-Length": "0", **named})


def redirect(url: str) -> Behaviour:
    return status(302, Location=url)


def fixed(code: int, headers: dict[str, str], body: bytes) -> Behaviour:
    """Answer exactly this, whatever was asked."""
    return lambda handler: handler.answer(code, headers, body)


def whole(handler: Handler) -> None:
    """Answer as a server without Range does."""
    body = handler.server.body
    handler.answer(200, {"Content-Length": str(len(body)), "ETag": handler.server.etag}, body)


def blind_range(etag: str | None, shift: int = 0) -> Behaviour:
    """Answer 206 without looking at If-Range: with another ETag, or from another byte."""

    def behave(handler: Handler) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        first = int(wanted[1]) + shift if wanted else 0
        body = handler.server.body
        rest = body[first:]
        headers = {
            "Content-Length": str(len(rest)),
            "Content-Range": f"bytes {first}-{len(body) - 1}/{len(body)}",
        }
        handler.answer(206, headers | ({"ETag": etag} if etag else {}), rest)

    return behave
