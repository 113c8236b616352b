"""A CredHub for tests: a real TLS server that asks for a client certificate, and does what a test tells it to."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Act = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Certificates:
    """A CA in ``trusted`` and what it has signed, made by openssl: an ordinary machine's keys, valid for a day."""

    root: Path

    @property
    def trusted(self) -> Path:
        return self.root / "cacerts"

    def pair(self, name: str) -> tuple[Path, Path]:
        return self.root / f"{name}.crt", self.root / f"{name}.key"

    def environment(self, client: str = "client") -> dict[str, str]:
        certificate, key = self.pair(client)
        return {
            "CF_INSTANCE_CERT": str(certificate),
            "CF_INSTANCE_KEY": str(key),
            "CF_SYSTEM_CERT_PATH": str(self.trusted),
        }


def make_certificates(root: Path) -> Certificates:
    """``server`` for 127.0.0.1, ``elsewhere`` for another name, ``client`` of the trusted CA and ``stranger`` of another."""
    made = Certificates(root)
    made.trusted.mkdir(parents=True)
    _ca(made.trusted / "CA.crt", root / "CA.key")
    _ca(root / "other.crt", root / "other.key")
    for name, alternative in (
        ("server", "IP:127.0.0.1"),
        ("elsewhere", "DNS:elsewhere.example"),
        ("client", "DNS:client"),
    ):
        _signed(made, name, alternative, made.trusted / "CA.crt", root / "CA.key")
    _signed(made, "stranger", "DNS:stranger", root / "other.crt", root / "other.key")
    return made


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


_NEW = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "1")


def _ca(certificate: Path, key: Path) -> None:
    _openssl(*_NEW, "-subj", "/CN=test CA", "-keyout", key, "-out", certificate)


def _signed(made: Certificates, name: str, alternative: str, ca: Path, ca_key: Path) -> None:
    certificate, key = made.pair(name)
    extensions = ("-addext", f"subjectAltName={alternative}", "-addext", "basicConstraints=critical,CA:FALSE")
    signer = ("-CA", ca, "-CAkey", ca_key)
    _openssl(*_NEW, "-subj", f"/CN={name}", *extensions, *signer, "-keyout", key, "-out", certificate)


def answer(body: bytes, status: str = "200 OK") -> Act:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return lambda peer: peer.sendall(head.encode() + body)


def raw(content: bytes) -> Act:
    return lambda peer: peer.sendall(content)


def hang_up(peer: socket.socket) -> None:
    peer.shutdown(socket.SHUT_RDWR)


def say_nothing(peer: socket.socket) -> None:
    peer.settimeout(20)
    peer.recv(1)


def drip(peer: socket.socket) -> None:
    """A byte now and then, so that no single read takes long."""
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(400):
        peer.sendall(b"x")
        time.sleep(0.05)


def never_end(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.sendall(b"x" * 65536)


@dataclass
class CredhubServer:
    """Takes one request a connection, and acts on it by the next of ``acts``; the last one stays."""

    certificates: Certificates
    acts: list[Act]
    name: str = "server"
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}"
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*self.certificates.pair(self.name))
        self.tls.load_verify_locations(self.certificates.trusted / "CA.crt")
        self.tls.verify_mode = ssl.CERT_REQUIRED

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(peer,), daemon=True).start()

    def _attend(self, plain: socket.socket) -> None:
        plain.settimeout(20)
        try:
            with self.tls.wrap_socket(plain, server_side=True) as peer:
                certificate = peer.getpeercert() or {}
                self.clients += [value for part in certificate.get("subject", ()) for _, value in part]
                self.requests.append(_request(peer))
                (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(peer)
        except OSError:
            plain.close()  # the client had its reasons

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _request(peer: socket.socket) -> tuple[str, bytes]:
    content = b""
    while b"\r\n\r\n" not in content:
        content += peer.recv(65536) or b"\r\n\r\n"
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().splitlines() if line.startswith(b"content-length")]
    while len(body) < int(lengths[0]):
        body += peer.recv(65536)
    return head.decode(), body


@contextmanager
def credhub(certificates: Certificates, *acts: Act, name: str = "server") -> Iterator[CredhubServer]:
    server = CredhubServer(certificates, list(acts), name)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(timeout=10)


@contextmanager
def tunnel(refusal: bytes = b"") -> Iterator[tuple[int, list[bytes]]]:
    """A proxy that opens one tunnel, or says ``refusal``: its port, and what it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            near, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(1)
            asked.append(head)
            near.sendall(refusal or b"HTTP/1.1 200 Connection established\r\n\r\n")
            if not refusal:
                host, _, port = head.split()[1].decode().rpartition(":")
                far = socket.create_connection((host, int(port)), timeout=20)
                threading.Thread(target=_relay, args=(near, far), daemon=True).start()
                _relay(far, near)
            near.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1]), asked
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


def _relay(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)
