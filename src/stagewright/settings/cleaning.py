"""Takes credentials out of what an operator configured. What is not understood is left out whole, never guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL
)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@\s]+)(:[0-9]+)?")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f\"'\\<>^`{|}]")
_REMOTE = frozenset(
    {"http", "https", "ftp", "mirror+http", "mirror+https", "socks4", "socks4a", "socks5", "socks5h"},
)


@dataclass(frozen=True)
class CleanUrl:
    """A URL as builds may see it."""

    text: str | None
    """None: it is not passed on."""
    removed: str = ""
    """What was taken out, by name; empty where nothing was."""


def clean_url(text: str) -> CleanUrl:
    """``text`` without user name, password, query and fragment; None for what is no URL of a remote host."""
    stripped = text.strip()
    match = _URL.fullmatch(stripped)
    if match is None:
        return CleanUrl(None, "a value that is not a URL")
    if match["scheme"].lower() not in _REMOTE:
        return CleanUrl(None, f"a {match['scheme'].lower()}: address, which builds do not see")
    # A password with a slash or a question mark in it ends the authority early: user:pa/ss@host. No registry needs an @ there.
    if _UNPRINTABLE.search(stripped) or "@" in match["path"] + match["rest"]:
        return CleanUrl(None, "a URL that could not be read")
    userinfo, _, host = match["authority"].rpartition("@")
    if not _AUTHORITY.fullmatch(host):
        return CleanUrl(None, "a URL that could not be read")
    removed = [name for name, found in (("user name or password", userinfo), ("query", match["rest"])) if found]
    return CleanUrl(f"{match['scheme']}://{host}{match['path']}", " and ".join(removed))


def clean_proxy(text: str) -> CleanUrl:
    """Like `clean_url` for a proxy, whose scheme may be missing (``proxy:3128``)."""
    if "://" in text:
        return clean_url(text)
    cleaned = clean_url(f"http://{text.strip()}")
    return CleanUrl(cleaned.text.removeprefix("http://") if cleaned.text else None, cleaned.removed)
