"""Servers on free ports of this machine: files and git repositories over HTTP, and a CredHub that wants a client certificate."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Site:
    """A server of files, and of git repositories: below ``/git/`` by git's own program, elsewhere as plain files."""

    root: Path
    scheme: str = "http"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The paths of all requests, and what they said of who they are."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"


class _SiteRequest(SimpleHTTPRequestHandler):
    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site = site
        super().__init__(*arguments, directory=str(site.root))

    def log_message(self, *_arguments: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        self.site.asked.append(self.path)
        if self.path.startswith("/git/"):
            self._git()
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.site.asked.append(self.path)
        self._git()

    def _git(self) -> None:
        asked = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        done = subprocess.run(
            ["git", "http-backend"],
            env={
                **os.environ,
                "GIT_PROJECT_ROOT": str(self.site.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": asked.path,
                "QUERY_STRING": asked.query,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(length),
            },
            input=self.rfile.read(length),
            capture_output=True,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def site(root: Path, identity: Identity | None = None) -> Iterator[Site]:
    """A site of what is in ``root``; over TLS where it is given a certificate."""
    one = Site(root, "http" if identity is None else "https")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_SiteRequest, one))
    if identity is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server) as one.port:
        yield one


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, made with openssl."""

    place: Path

    def __post_init__(self) -> None:
        (self.place / "system").mkdir(parents=True)
        asked = ("-subj", "/CN=conformance", "-addext", "basicConstraints=critical,CA:TRUE", "-days", "2")
        self._openssl("req", "-x509", *self._new_key("ca"), *asked, "-out", str(self.certificate))

    @property
    def certificate(self) -> Path:
        """Lies in a directory of its own, as a container's system certificates do."""
        return self.place / "system" / "ca.crt"

    def identity(self, name: str) -> Identity:
        """A certificate for ``name`` at 127.0.0.1, for either end of a connection."""
        signed = ("-CA", str(self.certificate), "-CAkey", str(self.place / "ca.key"))
        asked = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
        certificate = self.place / f"{name}.crt"
        self._openssl("req", "-x509", *self._new_key(name), *asked, *signed, "-out", str(certificate))
        return Identity(certificate, self.place / f"{name}.key")

    def _new_key(self, name: str) -> tuple[str, ...]:
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        return (*curve, "-noenc", "-keyout", str(self.place / f"{name}.key"))

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@dataclass
class CredHub:
    """Answers in turn what it was told to; the last answer again and again."""

    answers: list[tuple[int, str]]
    port: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def options(self) -> str:
        """VCAP_PLATFORM_OPTIONS that name it."""
        return json.dumps({"credhub-uri": self.url})


class _CredHubRequest(BaseHTTPRequestHandler):
    def __init__(self, credhub: CredHub, *arguments: Any) -> None:
        self.credhub = credhub
        super().__init__(*arguments)

    def log_message(self, *_arguments: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path != "/api/v1/interpolate":
            self._send(404, "{}")
            return
        peer = {name: value for part in self.connection.getpeercert()["subject"] for name, value in part}
        self.credhub.asked.append({"method": self.command, "body": body, "client": peer["commonName"]})
        answers = self.credhub.answers
        self._send(*(answers.pop(0) if len(answers) > 1 else answers[0]))

    def _send(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())


@contextmanager
def credhub(authority: Authority, *answers: tuple[int, str]) -> Iterator[CredHub]:
    """A CredHub that takes nobody without a certificate of ``authority``."""
    one = CredHub(list(answers))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_CredHubRequest, one))
    identity = authority.identity("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _serving(server) as one.port:
        yield one
