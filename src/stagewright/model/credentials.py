"""Credentials in URLs, and how text is shown without them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

MASK = "***"

_USERINFO = re.compile(r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30})://(?P<userinfo>[^/?#\s'\"<>]{0,2000})@")
_SLASH_IN_PASSWORD = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s@:\[]{0,500}:(?!\d{0,9}(?:[/?#\s'\",)]|$))[^\s@]{0,1000}@"
)
_ENCODED = re.compile(r"(%3A%2F%2F)(?:(?!%2F|%40)[^\s&'\"]){0,2000}%40", re.IGNORECASE)
_HEADER = re.compile(
    r"((?:proxy-)?authorization\s*[:=]\s*(?:basic|bearer|token|digest|negotiate)?\s*)[^\s'\",;]+", re.IGNORECASE
)
_TOKEN_HEADER = re.compile(
    r"((?:private-token|job-token|x-[a-z-]*token|x-api-key)\s*[:=]\s*)[^\s'\",;]+", re.IGNORECASE
)
_QUERY = re.compile(
    r"([?&;][\w.-]*(?:token|secret|passw(?:or)?d|pwd|api_?key|signature|credential|auth|(?<=[?&;-])(?:sig|key|pw))=)"
    r"[^&;#\s'\"]+",
    re.IGNORECASE,
)
_MISTYPED_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?/+")
_SHORTEST = 4
"""Characters of a password that is looked for by value: a shorter one is part of too many words."""


@dataclass(frozen=True)
class Credentials:
    """The user name and the password of a URL, decoded. It never shows what it holds."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.user or self.password)

    def secrets(self) -> tuple[str, ...]:
        """The values that nobody may read. A user name alone is a token; beside a password it is a name."""
        return tuple(value for value in (self.password or self.user,) if value)

    def basic(self) -> str:
        """As the header Authorization carries them (RFC 7617)."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def mask(self, text: str) -> str:
        """``text`` without them, in any form, and without the credentials of every other URL in it."""
        return without_credentials(text, (*self.secrets(), *((self.basic(),) if self else ())))


def without_credentials(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` as anybody may read it: user names and passwords of URLs, also of URLs inside of URLs, values of headers and of
    queries that carry credentials, and each of ``secrets``, plain, URL-encoded, shell-quoted or in base64, become ``***``.

    The user of an ssh URL stays: it is no secret, and without it nobody could say which account was refused.
    """
    for secret in secrets:
        for form in _forms(secret):
            text = text.replace(form, MASK)
    text = _SLASH_IN_PASSWORD.sub(rf"\1{MASK}@", text)
    text = _USERINFO.sub(_masked_userinfo, text)
    text = _ENCODED.sub(rf"\1{MASK}%40", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _TOKEN_HEADER.sub(rf"\1{MASK}", text)
    return _QUERY.sub(rf"\1{MASK}", text)


def shown_reference(reference: str) -> str:
    """A reference to a buildpack as anybody may read it, also one that was mistyped: ``https:/me:word@host`` is no URL, and what
    stands before its ``@`` is a password nevertheless. The user of ``git@host:path`` stays."""
    shown = without_credentials(reference)
    before, at, after = shown.rpartition("@")
    scheme = _MISTYPED_SCHEME.match(before)
    begin = scheme.end() if scheme else 0
    web = scheme is not None and scheme[0].lower().startswith("http")
    return f"{before[:begin]}{MASK}@{after}" if at and (web or ":" in before[begin:]) else shown


def _masked_userinfo(match: re.Match[str]) -> str:
    scheme, userinfo = match["scheme"], match["userinfo"]
    if scheme.lower() in ("ssh", "git+ssh") and re.fullmatch(r"[A-Za-z0-9._-]*", userinfo):
        return match[0]
    return f"{scheme}://{MASK}@"


def _forms(secret: str) -> list[str]:
    """What a secret may look like, the longest first, so that no form leaves a part of another behind."""
    if len(secret) < _SHORTEST:
        return []
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {secret, unquote(secret), quote(secret, safe=""), quote(secret), quote(secret, safe="").lower()}
    forms |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    forms |= {secret.replace("'", "'\\''"), secret.replace("'", "'\"'\"'"), secret.replace('"', '\\"')}
    for lead in range(3):
        # Inside a longer text, base64 of a secret begins at any of three phases; the characters at the edges mix with others.
        encoded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        whole = encoded[(0, 2, 3)[lead] : len(encoded) - (1 if (lead + len(raw)) % 3 else 0)]
        if len(whole) >= 2 * _SHORTEST:
            forms |= {whole, whole.replace("+", "-").replace("/", "_")}
    return sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
