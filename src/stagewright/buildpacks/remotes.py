"""URLs and git's short form, read strictly: what is not understood is refused, for git and a shell might understand it."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from stagewright.model.credentials import Credentials
from stagewright.model.references import Remote

ARCHIVE_SUFFIXES = (
    ".tar.bz2", ".tar.gz", ".tar.xz", ".tbz2", ".tar", ".tbz", ".tgz", ".txz", ".zip",
)  # fmt: skip
"""What the path of an archive's URL ends with, in any case; everything else with a scheme is git (Cloud Foundry §1.7)."""

SCHEMES = {"https": "https", "http": "http", "ssh": "ssh", "git": "git", "file": "file", "git+ssh": "ssh"}
"""What may be written, and what it is."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHORT = re.compile(
    r"(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?P<path>[^\s:].*)"
)
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\"<>^`{|}\u2028\u2029\ud800-\udfff]")


class BadRemote(ValueError):
    """An address that is not read. The text says why, as the end of a sentence, and repeats nothing of the address."""


def looks_remote(text: str) -> bool:
    """Whether ``text`` is meant as an address and not as a path."""
    return _SCHEME.match(text) is not None or _SHORT.fullmatch(text) is not None


def is_archive(path: str) -> bool:
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def parse_remote(text: str) -> Remote:
    """Read an address without its fragment. Raises BadRemote."""
    if _FORBIDDEN.search(text):
        raise BadRemote("it holds a space, a control character or another that no address holds unescaped")
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return _url(text, scheme[1].lower())
    short = _SHORT.fullmatch(text)
    if short is None:
        raise BadRemote("it is no URL and not of the form user@host:path")
    if short["path"].startswith("-"):
        raise BadRemote("its path begins with '-'")
    return Remote(text, "ssh", short["host"], short["path"])


def _url(text: str, written: str) -> Remote:
    scheme = SCHEMES.get(written)
    if scheme is None:
        raise BadRemote(f"the scheme {written!r} is not one of {', '.join(SCHEMES)}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadRemote("its host or its port cannot be read") from error
    userinfo, _, place = parts.netloc.rpartition("@")
    if scheme == "file":
        return _file(parts.path, parts.netloc, parts.query)
    host = place.removesuffix(f":{port}") if port is not None else place.removesuffix(":")
    if not _HOST.fullmatch(host):
        raise BadRemote("its host is missing or cannot be read")
    if "@" in userinfo:
        raise BadRemote("it holds more than one '@' before its host: write those of a password as %40")
    credentials = Credentials()
    if scheme in ("http", "https"):
        user, _, password = userinfo.partition(":")
        credentials = _credentials(unquote(user), unquote(password))
        userinfo = ""
    elif ":" in userinfo:
        raise BadRemote(f"{scheme} takes no password in its address")
    elif userinfo and (scheme == "git" or not _USER.fullmatch(userinfo)):
        raise BadRemote("its user name cannot be read")
    if scheme in ("ssh", "git") and (len(parts.path) < 2 or parts.path.startswith("/-")):
        raise BadRemote("it has no path that git would take")
    query = f"?{parts.query}" if parts.query else ""
    shown_place = f"{userinfo}@{place}" if userinfo else place
    return Remote(f"{scheme}://{shown_place}{parts.path}{query}", scheme, host.lower(), parts.path, credentials)


def _credentials(user: str, password: str) -> Credentials:
    """They end up in headers and in lines that git reads: one with a line break could say more than a password."""
    if any(ord(character) < 32 or ord(character) == 127 for character in user + password):
        raise BadRemote("its user name or password holds a control character")
    return Credentials(user, password)


def _file(path: str, host: str, query: str) -> Remote:
    if host not in ("", "localhost") or query or not path.startswith("/"):
        raise BadRemote("a file URL is file:// and an absolute path")
    return Remote(f"file://{path}", "file", "", path)
