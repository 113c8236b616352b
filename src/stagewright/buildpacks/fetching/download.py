"""One file over HTTP, by the standard library: bounded in size and time, and careful with whom it tells the password."""

from __future__ import annotations

import functools
import hashlib
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote, urljoin, urlsplit

from stagewright import __version__
from stagewright.buildpacks.fetching.policy import Deadline, FetchPolicy
from stagewright.buildpacks.fetching.problems import (
    SourceRefused,
    SourceUnreachable,
    TookTooLong,
    UntrustedCertificate,
    too_large,
)
from stagewright.errors import Problem
from stagewright.model.buildpack import ArchiveUrlRef
from stagewright.model.digest import Digest
from stagewright.ports.progress import Progress
from stagewright.trees.problems import writing

_CHUNK = 256 << 10
_REDIRECTS = 5
_STALLED = 60.0
"""Seconds in which not one byte came."""
_LATER = (408, 425, 429)
_SETTLED = 2.0
"""Seconds that a file must be older than an answer for its Last-Modified to tell it from a later one (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True)
class Validators:
    """What a server said by which a file is known again (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)

    def headers(self) -> dict[str, str]:
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}


@dataclass(frozen=True)
class Download:
    """A file that came whole."""

    digest: Digest
    size: int
    validators: Validators


def download(
    ref: ArchiveUrlRef, into: Path, policy: FetchPolicy, progress: Progress, known: Validators | None = None
) -> Download | None:
    """Write what ``ref`` names to the new file ``into``; None where it is still what ``known`` describes.

    Raises SourceUnreachable, SourceRefused, UntrustedCertificate, TookTooLong, TooMuch, DiskFull, TreeFailure.
    """
    asked = _Asked(ref, policy, Deadline.after(policy.timeout))
    for number in range(max(1, policy.tries)):
        last = number + 1 >= policy.tries
        try:
            return asked.once(into, progress, known or Validators())
        except _Again as again:
            wait = policy.retry_delay * 2**number
            if last or wait >= asked.deadline.left:
                raise again.problem from again.__cause__
            into.unlink(missing_ok=True)
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


class _Again(Exception):
    """A failure that another try may mend; ``problem`` is what it is if none does."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class _Asked:
    ref: ArchiveUrlRef
    policy: FetchPolicy
    deadline: Deadline

    def once(self, into: Path, progress: Progress, known: Validators) -> Download | None:
        """One try. Raises _Again, and what another try would not mend."""
        guard = _Guard(self.deadline)
        try:
            with guard, self._open(guard, known) as answer:
                came = self._receive(answer, into, progress)
                if guard.fired:  # to a reader, a connection that was shut down has simply ended
                    raise TookTooLong(str(self.ref), self.deadline.allowed)
                return came
        except urllib.error.HTTPError as error:
            with suppress(OSError):
                error.close()
            if error.code == 304 and known:
                return None
            raise self._status(error.code) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if guard.fired or not self.deadline.left:
                raise TookTooLong(str(self.ref), self.deadline.allowed) from error
            raise self._failure(error) from error

    def _open(self, guard: _Guard, known: Validators) -> IO[bytes]:
        remote = self.ref.remote
        headers = {"User-Agent": f"stagewright/{__version__}", "Accept-Encoding": "identity", **known.headers()}
        request = urllib.request.Request(remote.address, headers=headers)  # noqa: S310 - the door admits http and https only
        if remote.credentials:
            request.add_unredirected_header("Authorization", f"Basic {remote.credentials.basic()}")
        opener = urllib.request.OpenerDirector()
        context = ssl.create_default_context()
        if not self.policy.verify_certificates:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for handler in (
            urllib.request.ProxyHandler(),
            _Http(guard),
            _Https(guard, context),
            urllib.request.HTTPDefaultErrorHandler(),
            _Redirects(remote.address, self.ref),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        answer: IO[bytes] | None = opener.open(request, timeout=min(_STALLED, max(0.1, self.deadline.left)))
        if answer is None:
            raise ValueError("no handler for this address")
        return answer

    def _receive(self, answer: IO[bytes], into: Path, progress: Progress) -> Download:
        headers: Message = getattr(answer, "headers", Message())
        total = _length(headers)
        if total is not None and total > self.policy.largest:
            raise too_large(str(self.ref), self.policy.largest)
        seen, done = hashlib.sha256(), 0
        read = getattr(answer, "read1", answer.read)
        with writing(into.parent):
            file = into.open("wb")
        with file:
            while chunk := read(_CHUNK):
                done += len(chunk)
                if done > self.policy.largest:
                    raise too_large(str(self.ref), self.policy.largest)
                if not self.deadline.left:
                    raise TookTooLong(str(self.ref), self.deadline.allowed)
                with writing(into.parent):
                    file.write(chunk)
                seen.update(chunk)
                progress(done, total)
        if total is not None and done != total:
            raise http.client.IncompleteRead(b"", total - done)
        return Download(Digest(seen.hexdigest()), done, _validators(headers))

    def _status(self, code: int) -> Exception:
        reference = str(self.ref)
        if code >= 500 or code in _LATER:
            return _Again(SourceUnreachable(reference, f"the server answered with status {code}"))
        if code in (401, 403, 407):
            advice = "Check that it exists, and who may read it; https://USER:PASSWORD@HOST/… gives credentials to that host."
            return SourceRefused(reference, f"the server does not let us read it (status {code})", advice)
        if code in (404, 410):
            return SourceRefused(reference, f"there is nothing at that address (status {code})", "Check the address.")
        return SourceRefused(reference, f"the server answered with status {code}", "Check the address.")

    def _failure(self, error: Exception) -> Exception:
        reference = str(self.ref)
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, _Refused):
            return SourceRefused(reference, str(cause), "Name the address that it leads to, if you trust that one.")
        if isinstance(cause, ssl.SSLError):
            said = getattr(cause, "verify_message", "") or cause.reason or "the connection failed"
            return UntrustedCertificate(reference, str(said).lower().replace("_", " "))
        said = self.ref.remote.credentials.mask(_said(cause))
        problem = SourceUnreachable(reference, said)
        permanent = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
        return problem if permanent else _Again(problem)


def _said(cause: object) -> str:
    if isinstance(cause, http.client.IncompleteRead):
        return "the connection ended before the file did"
    if isinstance(cause, TimeoutError):
        return "the server did not answer in time"
    if isinstance(cause, http.client.HTTPException):
        return f"the server does not speak HTTP ({type(cause).__name__})"
    return (getattr(cause, "strerror", None) or str(cause)).lower()[:200]


def _length(headers: Message) -> int | None:
    text = str(headers.get("Content-Length", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _validators(headers: Message) -> Validators:
    etag, modified = _short(headers.get("ETag")), _short(headers.get("Last-Modified"))
    if etag is not None or modified is None:
        return Validators(etag)
    with suppress(ValueError, TypeError):
        age = parsedate_to_datetime(str(headers.get("Date"))) - parsedate_to_datetime(modified)
        if age.total_seconds() >= _SETTLED:
            return Validators(None, modified)
    return Validators()


def _short(value: object) -> str | None:
    text = str(value) if value is not None else ""
    return text if 0 < len(text) <= 500 and text.isascii() and text.isprintable() else None


class _Guard:
    """Ends every connection at the deadline, so that a server that sends a byte a minute does not keep us."""

    def __init__(self, deadline: Deadline) -> None:
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(deadline.left, self._fire)
        self._timer.daemon = True
        self.fired = False

    def watch(self, connection: socket.socket) -> None:
        """A second descriptor of the connection stays ours: TLS takes the first one away, and may take long for its greeting."""
        self._connections.append(connection.dup())

    def _fire(self) -> None:
        self.fired = True
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Guard:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        for connection in self._connections:
            connection.close()


class _HttpConnection(http.client.HTTPConnection):
    def __init__(self, host: str, *, guard: _Guard, **options: object) -> None:
        super().__init__(host, timeout=_timeout(options))
        self._guard = guard

    def connect(self) -> None:
        super().connect()
        self._guard.watch(self.sock)


class _HttpsConnection(http.client.HTTPSConnection):
    """As the library's own; the connection is watched before TLS begins."""

    def __init__(self, host: str, *, guard: _Guard, secure: ssl.SSLContext, **options: object) -> None:
        super().__init__(host, timeout=_timeout(options), context=secure)
        self._guard = guard
        self._secure = secure
        self._named = host

    def set_tunnel(self, host: str, port: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """A proxy is asked for the way to ``host``, which is then the one whose certificate counts."""
        super().set_tunnel(host, port, headers)
        self._named = host

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self._guard.watch(self.sock)
        name = urlsplit(f"https://{self._named}").hostname
        self.sock = self._secure.wrap_socket(self.sock, server_hostname=name)


def _timeout(options: Mapping[str, object]) -> float:
    given = options.get("timeout")
    return given if isinstance(given, float) else _STALLED


class _Http(urllib.request.HTTPHandler):
    def __init__(self, guard: _Guard) -> None:
        super().__init__()
        self._guard = guard

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_HttpConnection, guard=self._guard), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, guard: _Guard, secure: ssl.SSLContext) -> None:
        super().__init__()
        self._guard = guard
        self._secure = secure

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_HttpsConnection, guard=self._guard, secure=self._secure), req)


class _Refused(OSError):
    """A redirection that is not followed."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a few, to http and https, never from https to http. The password goes to its own host alone."""

    def __init__(self, start: str, ref: ArchiveUrlRef) -> None:
        self._start = start
        self._ref = ref
        self._followed = 0

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message
    ) -> IO[bytes] | None:
        """Unlike the library's own, this one reads nothing of the answer's body, which may have no end."""
        del code, msg
        following = self._following(req, str(headers.get("Location", "")))
        fp.close()
        found: IO[bytes] | None = self.parent.open(following, timeout=req.timeout)
        return found

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def _following(self, req: urllib.request.Request, location: str) -> urllib.request.Request:
        self._followed += 1
        if self._followed > _REDIRECTS:
            raise _Refused(f"it leads on more than {_REDIRECTS} times")
        if re.search(r"[\x00-\x20\x7f-\xff]", location):
            location = quote(location, safe="%/:=&?~#+!$,;'@()*[]", encoding="latin-1")
        target = urljoin(req.full_url, location)
        place = _place(target)
        if not location or place[0] not in ("http", "https"):
            raise _Refused(f"it leads to the scheme {place[0][:20]!r}, and only http and https are followed")
        if place[0] == "http" and _place(req.full_url)[0] == "https":
            raise _Refused("it leads from https to http, where anybody could change it")
        headers = {name: value for name, value in req.headers.items() if name.lower() not in ("host", "authorization")}
        following = urllib.request.Request(_without_userinfo(target), headers=headers)  # noqa: S310 - asked above
        if self._ref.remote.credentials and place == _place(self._start):
            following.add_unredirected_header("Authorization", f"Basic {self._ref.remote.credentials.basic()}")
        return following


def _place(url: str) -> tuple[str, str, int]:
    """Whom a URL is asked of. Raises ValueError."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def _without_userinfo(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
