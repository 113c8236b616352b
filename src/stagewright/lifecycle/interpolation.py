"""The request to CredHub: HTTPS with this instance's certificate, within a time and a size, by the standard library alone.

It is loaded only where there is something to ask for, since TLS is a third of the time that the launcher takes to start.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

from stagewright.lifecycle.credhub import CannotSetUp, RequestFailed
from stagewright.lifecycle.go_values import quoted
from stagewright.lifecycle.proxies import Proxy, UnknownProxy, proxy_for
from stagewright.lifecycle.surroundings import to_bytes
from stagewright.model.services import NotJson, field, read_json

CONNECT_SECONDS = 30.0
WHOLE_SECONDS = 45.0
"""One request from the first byte to the last, as credhub-cli's client has it."""
LARGEST_ANSWER = 1 << 20
"""Bytes. Linux starts no program with a variable of more than 128 KB."""
_MOST_WORDS = 300
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Client:
    """A CredHub, and how to talk to it."""

    host: str
    port: int
    tls: ssl.SSLContext
    proxy: Proxy | None = None
    connect_seconds: float = CONNECT_SECONDS
    whole_seconds: float = WHOLE_SECONDS

    def interpolate(self, services: str) -> str:
        """POST ``services`` to /api/v1/interpolate. Raises RequestFailed, which holds nothing of the services."""
        try:
            if not isinstance(read_json(services), dict):
                raise RequestFailed("VCAP_SERVICES is not a JSON object")
        except NotJson as error:
            raise RequestFailed(f"VCAP_SERVICES is not JSON: {error}") from None
        connection = _Connection(self)
        with connection.watched() as late:
            try:
                connection.request(
                    "POST", "/api/v1/interpolate", to_bytes(services), {"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                body = _body(response)
            except (OSError, HTTPException, ValueError) as error:
                if late.is_set() or isinstance(error, TimeoutError):
                    raise RequestFailed(f"no answer within {self.whole_seconds:g} seconds") from None
                raise RequestFailed(_words(error)) from None
            if late.is_set():
                raise RequestFailed(f"no answer within {self.whole_seconds:g} seconds")
        if not 200 <= response.status < 300:
            raise RequestFailed(f"the server answered {response.status}{_told_by(body)}")
        return body.decode("utf-8", "surrogateescape")


class _Connection(HTTPConnection):
    """TCP, through a proxy's tunnel where there is one, then TLS; all of it ends when its time is over."""

    def __init__(self, client: Client) -> None:
        where = (client.proxy.host, client.proxy.port) if client.proxy else (client.host, client.port)
        super().__init__(*where, timeout=client.connect_seconds)
        self._client = client
        self._tls: ssl.SSLSocket | None = None
        if client.proxy:
            self.set_tunnel(client.host, client.port, dict(client.proxy.headers))

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(self._client.whole_seconds)
        tls = self._client.tls.wrap_socket(self.sock, server_hostname=self._client.host, do_handshake_on_connect=False)
        self.sock = self._tls = tls
        tls.do_handshake()

    @contextmanager
    def watched(self) -> Iterator[threading.Event]:
        """Shuts the connection when the whole time is over.

        A peer that sends a byte now and then never meets the limit of a socket. The socket is held apart from ``sock``, which
        HTTPConnection forgets where an answer ends with the connection.
        """
        late = threading.Event()

        def over() -> None:
            late.set()
            try:
                watched = self._tls or self.sock
                if watched is not None:
                    socket.socket.shutdown(watched, socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

        timer = threading.Timer(self._client.whole_seconds, over)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            self.close()


def _body(response: HTTPResponse) -> bytes:
    body = response.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise RequestFailed(f"the answer is larger than {LARGEST_ANSWER >> 20} MB")
    if response.length:
        raise RequestFailed("the answer ends too early")
    return body


def _told_by(body: bytes) -> str:
    """What CredHub says about its refusal, by its own form of errors; nothing of another form is shown."""
    try:
        said = read_json(body.decode("utf-8", "replace"))
    except NotJson:
        return ", which could not be decoded"
    if not isinstance(said, dict):
        return ""
    words = [word for name in ("error", "error_description") if isinstance(word := field(said, name), str) and word]
    return ": " + quoted(": ".join(words)[:_MOST_WORDS]) if words else ""


def _words(error: Exception) -> str:
    """Why a request failed, without what the other side wrote but for what a person needs."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'no reason given').lower().replace('_', ' ')}"
    if isinstance(error, OSError):
        return quoted(error.strerror or str(error))[1:-1][:_MOST_WORDS]
    return f"the answer is not HTTP ({type(error).__name__})"


def client_for(environ: Mapping[str, str], uri: str) -> Client:
    """The client of the CredHub at ``uri``, with the certificates that ``environ`` names. Raises CannotSetUp."""
    try:
        where = urlsplit(uri)
        host, port = where.hostname, where.port or 443
    except ValueError:
        raise CannotSetUp("credhub-uri is not a URL") from None
    if where.scheme != "https" or not host:
        raise CannotSetUp("credhub-uri is not an https URL")
    tls = _tls(environ)
    try:
        return Client(host, port, tls, proxy_for(environ, host, port))
    except UnknownProxy as error:
        raise CannotSetUp(str(error)) from None


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    certificate, key = environ.get("CF_INSTANCE_CERT", ""), environ.get("CF_INSTANCE_KEY", "")
    if not certificate or not key:
        raise CannotSetUp("Missing CF_INSTANCE_CERT and/or CF_INSTANCE_KEY")
    trusted = environ.get("CF_SYSTEM_CERT_PATH", "")
    if not trusted:
        raise CannotSetUp("Missing CF_SYSTEM_CERT_PATH")
    found = _system_certificates(Path(trusted))
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go, each of them is trusted by itself
    try:
        tls.load_cert_chain(certificate, key, password="")  # so that no one is asked for one
    except (OSError, ValueError) as error:
        raise CannotSetUp(f"CF_INSTANCE_CERT and CF_INSTANCE_KEY are no pair: {_words(error)}") from None
    for content in found:
        trusted_now = [_trust(tls, block) for block in _CERTIFICATE.findall(content)]
        if not any(trusted_now):
            raise CannotSetUp("provided ca certs are invalid")
    return tls


def _trust(tls: ssl.SSLContext, certificate: bytes) -> bool:
    try:
        tls.load_verify_locations(cadata=certificate.decode("ascii"))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _system_certificates(directory: Path) -> list[bytes]:
    """What every file of ``directory`` whose name ends in .crt holds, in the order of their names. Raises CannotSetUp."""
    try:
        names = sorted(directory.iterdir())
    except OSError as error:
        raise CannotSetUp(f"Can't read contents of system cert path: {error.strerror}") from None
    try:
        return [path.read_bytes() for path in names if path.name.endswith(".crt")]
    except OSError as error:
        raise CannotSetUp(f"Can't read contents of cert in system cert path: {error.strerror}") from None
