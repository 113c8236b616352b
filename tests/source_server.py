"""A real HTTP server for what buildpacks are fetched from: files with validators and passwords, answers without end, git's own
http-backend. It counts what was asked of it."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What lies at a path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    length: bool = True
    endless: bytes = b""
    """Sent again and again after the body, until the client goes away."""
    pause: float = 0.0
    """Seconds between two pieces of ``endless``."""
    slow_header: float = 0.0
    """Seconds between two characters of a header that never ends."""
    failures: int = 0
    """How often the server breaks down first."""


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]


class SourceServer:
    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.repositories: Path | None = None
        self.credentials: str | None = None
        """``user:password`` that everything asks for."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._closing = threading.Event()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, part: str = "") -> int:
        return sum(part in one.path for one in self.asked)

    def run(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        self.asked.append(Asked(handler.command, handler.path, dict(handler.headers.items())))
        handler.close_connection = True
        if self.credentials is not None:
            wanted = "Basic " + base64.b64encode(self.credentials.encode()).decode()
            if handler.headers.get("Authorization") != wanted:
                body = f"sent: {handler.headers.get('Authorization')}".encode()
                self._plain(handler, 401, body, {"WWW-Authenticate": 'Basic realm="here"'})
                return
        found = self.answers.get(path)
        if found is not None:
            self._file(handler, found)
        elif self.repositories is not None:
            self._git(handler, path)
        else:
            self._plain(handler, 404, b"nothing here", {})

    def _plain(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _file(self, handler: BaseHTTPRequestHandler, found: Answer) -> None:
        if found.failures > 0:
            found.failures -= 1
            self._plain(handler, 503, b"not now", {})
            return
        if found.etag is not None and handler.headers.get("If-None-Match") == found.etag:
            handler.send_response(304)
            handler.end_headers()
            return
        try:
            handler.send_response(found.status)
            for name, value in found.headers.items():
                handler.send_header(name, value)
            if found.etag is not None:
                handler.send_header("ETag", found.etag)
            if found.length and not found.endless:
                handler.send_header("Content-Length", str(len(found.body)))
            if found.slow_header:
                handler.flush_headers()
                while not self._closing.wait(found.slow_header):
                    handler.wfile.write(b"x")
            handler.end_headers()
            handler.wfile.write(found.body)
            while found.endless and not self._closing.is_set():
                handler.wfile.write(found.endless)
                time.sleep(found.pause)
        except OSError:
            pass

    def _git(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(handler.path).query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }
        ended = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = ended.stdout.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line)
        self._plain(handler, int(headers.pop("Status", "200").split()[0]), content, headers)


@contextmanager
def source_server() -> Iterator[SourceServer]:
    server = SourceServer()
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()
