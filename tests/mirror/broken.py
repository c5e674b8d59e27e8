"""A mirror of packages that can be broken at will: a web server on the loopback, which passes on
what another mirror has, or what is in a folder.

    with Mirror(folder_of_files(archive)) as mirror:
        mirror.fault = Fault("reset", ".deb", at=1000)
        ... = mirror.address

What is broken is data; each kind behaves as what was met in the field: a server that refuses, a
line that breaks, a crawl, a file that is gone or another one, a list with a spoiled signature, a
network that answers all with its own login page.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

# The file at a path, or None when there is no such file. Raises OSError when it cannot be had.
Source = Callable[[str], bytes | None]

Kind = Literal["refuse", "reset", "crawl", "missing", "spoiled", "captive"]

CAPTIVE = b"""<!DOCTYPE html>
<html><head><title>Welcome to the hotel's network</title></head>
<body>Please log in.</body></html>
"""


@dataclass(frozen=True)
class Fault:
    """What the mirror does wrong, with paths that contain `where` ("" is every path).

    `at`: of "reset", the byte before which the line breaks; of "crawl", bytes in a second.
    `skip`: so many such files are served well before.
    """

    kind: Kind
    where: str = ""
    at: int = 0
    skip: int = 0


@dataclass(frozen=True)
class Request:
    """What was asked for, and how many bytes of it went out; `start` is the first one's place.
    `spoiled`: they were others than the file has.
    """

    path: str
    status: int
    sent: int
    start: int = 0
    spoiled: bool = False


def folder_of_files(top: Path) -> Source:
    """The files below a folder."""

    def file_at(path: str) -> bytes | None:
        place = (top / path.lstrip("/")).resolve()
        return place.read_bytes() if place.is_file() and place.is_relative_to(top) else None

    return file_at


def another_mirror(address: str, *, seconds: float = 60) -> Source:
    """What another mirror has, each file fetched once."""
    kept: dict[str, bytes | None] = {}
    lock = threading.Lock()

    def file_at(path: str) -> bytes | None:
        with lock:
            if path in kept:
                return kept[path]
        found: bytes | None
        try:
            with urllib.request.urlopen(f"{address}{path}", timeout=seconds) as answer:
                found = answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                raise
            found = None
        with lock:
            kept[path] = found
        return found

    return file_at


class Mirror:
    """The web server, from `with` to its end. `fault` may change while it runs."""

    def __init__(self, source: Source, fault: Fault | None = None) -> None:
        self.source = source
        self.requests: list[Request] = []
        self._met = 0
        self._fault = fault
        self._lock = threading.Lock()
        mirror = self

        class Answering(_Answering):
            owner = mirror

        self._server = _Server(("127.0.0.1", 0), Answering)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Mirror:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self._server.server_address[1])

    def address(self, host: str = "127.0.0.1") -> str:
        """Its address, as it is seen from where this computer is called `host`."""
        return f"http://{host}:{self.port}/debian"

    @property
    def fault(self) -> Fault | None:
        """What is wrong now."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        with self._lock:
            self._fault, self._met = fault, 0

    def forget(self) -> None:
        """Count requests from now on."""
        self.requests.clear()

    def fetched(self, pattern: str) -> list[str]:
        """The names of the files that went out whole, or what was left of them, in order; none that
        was spoiled: who refuses it must ask again.
        """
        return [
            request.path.rpartition("/")[2]
            for request in self.requests
            if request.status in (200, 206)
            and not request.spoiled
            and re.search(pattern, request.path)
        ]

    def fault_for(self, path: str) -> Fault | None:
        """What is wrong with this path, this time."""
        with self._lock:
            fault = self._fault
            if fault is None or fault.where not in path:
                return None
            self._met += 1
            return fault if self._met > fault.skip else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle is nothing to talk about."""


class _Answering(BaseHTTPRequestHandler):
    owner: Mirror
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """It goes into the list of requests."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(self.path).removeprefix("/debian")
        fault = self.owner.fault_for(path)
        if fault is not None and fault.kind == "refuse":
            self._note(Request(path, 0, 0))
            self._break()
            return
        if fault is not None and fault.kind == "captive":
            self._send(path, 200, CAPTIVE, fault, body=body, kind="text/html")
            return
        try:
            data = None if fault and fault.kind == "missing" else self.owner.source(path)
        except OSError:
            self._send(path, 502, b"The mirror behind does not answer.\n", body=body)
            return
        if data is None:
            self._send(path, 404, b"Not found.\n", body=body)
            return
        if fault is not None and fault.kind == "spoiled":
            data = _spoiled(data, path)
        start = self._wanted_from(len(data))
        self._send(path, 206 if start else 200, data, fault, start=start, body=body)

    def _wanted_from(self, length: int) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found and int(found[1]) < length else 0

    def _send(
        self, path: str, status: int, data: bytes, fault: Fault | None = None, *,
        start: int = 0, body: bool = True, kind: str = "application/octet-stream",
    ) -> None:  # fmt: skip
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) - start))
        # The same file keeps its date: apt goes on with a part only of the very same one.
        self.send_header("Last-Modified", "Fri, 24 Nov 2006 00:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.flush()
        rest = data[start:] if body else b""
        if fault is not None and fault.kind == "reset":
            rest = rest[: max(0, fault.at - start)]
        sent = 0
        try:
            for piece in self._pieces(rest, fault):
                self.wfile.write(piece)
                sent += len(piece)
        finally:
            broken = fault is not None and fault.kind == "reset"
            whole = not broken and sent == len(rest)
            spoiled = fault is not None and fault.kind in ("spoiled", "captive")
            self._note(Request(path, status if whole else 0, sent, start, spoiled))
        if broken:
            self._break()

    def _pieces(self, data: bytes, fault: Fault | None) -> list[bytes] | _Crawl:
        if fault is not None and fault.kind == "crawl":
            return _Crawl(data, fault.at)
        return [data]

    def _note(self, request: Request) -> None:
        self.owner.requests.append(request)

    def _break(self) -> None:
        """The line breaks: a reset, and no end."""
        self.close_connection = True
        # SO_LINGER of no time: what closes it then is RST (socket(7), tcp(7)).
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


class _Crawl:
    """Pieces of some data, ten a second."""

    def __init__(self, data: bytes, bytes_in_a_second: int) -> None:
        self._data = data
        self._step = max(1, bytes_in_a_second // 10)
        self._place = 0

    def __iter__(self) -> _Crawl:
        return self

    def __next__(self) -> bytes:
        if self._place >= len(self._data):
            raise StopIteration
        time.sleep(0.1)
        piece = self._data[self._place : self._place + self._step]
        self._place += len(piece)
        return piece


def _spoiled(data: bytes, path: str) -> bytes:
    """The same length, another content: in a signed list a word of it is another one."""
    if path.endswith("Release"):
        return data.replace(b"Origin: ", b"0rigin: ", 1)
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
