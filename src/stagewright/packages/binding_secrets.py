"""Which values of bindings nobody may read in a log: what a masker is given.

Everything below ``credentials`` is a secret unless it plainly is none; a name too many in a log is masked rather than a password
shown. The rule is written out in docs/how-to/bind-a-service.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

SHORTEST = 4
"""Characters of the shortest value that is masked: a shorter one is part of too many words."""

_SECRET_KEY = re.compile(r"passw|passphrase|pwd|secret|token|credential|private|signature|(?:key|keys|pass)$")
_NAMING_KEY = re.compile(
    r"user|username|name|db|dbname|database|databasename|schema|scheme|type|dbtype|protocol|driver|engine|vhost|virtualhost|"
    r"region|sslmode|host|hostname|cluster|bucket|topic|queue"
)
_PLAIN_WORD = re.compile(r"[a-z]+(?:[-_][a-z]+)*")
_NO_SECRET = re.compile(
    r"true|false|yes|no|on|off|none|null|enabled?|disabled?"
    r"|\d{1,5}"  # a port
    r"|(?:[a-z][a-z0-9+.-]*://)?"  # the address of a server, at most with its scheme and its port, and nothing behind them
    r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]{2,45}\]|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z]{2,24})"
    r"(?::\d{1,5})?/?",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"://[^/?#\s:@]{0,1000}:([^/?#\s]{1,4000})@")
_TOKEN_IN_URL = re.compile(r"://([^/?#\s:@]{1,4000})@")
_IN_QUERY = re.compile(r"[?&;]([\w.-]{1,100})=([^&;#\s]{1,4000})")
_LINE = 16
"""Characters of the shortest line of a longer text, such as a private key, that is masked on its own."""


def credential_values(services: Mapping[str, list[dict[str, Any]]]) -> frozenset[str]:
    """The values below the ``credentials`` of ``services`` that must not be shown.

    Under a key that says so (password, secret, token, key …) every value of `SHORTEST` characters or more. Under any other key
    every such text but truth values, numbers of up to five digits, addresses of servers without a path, and plain words under a
    key that names a thing (username, database, region …). Of a URL also its password and its secret parameters alone, as written
    and decoded; a user name without a password is a token, unless it is a plain word. Of several lines also each long line.
    """
    return frozenset(
        form
        for bindings in services.values()
        for binding in bindings
        for value, key, secret in _leaves(binding.get("credentials"), "", False)
        if len(value) >= SHORTEST and (secret or not _harmless(key, value))
        for form in _forms(value)
        if len(form) >= SHORTEST
    )


def _leaves(value: Any, key: str, secret: bool) -> Iterator[tuple[str, str, bool]]:
    """Each text with the key that it stands under, and whether one of its keys says that it is a secret."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            plain = re.sub(r"[^a-z0-9]", "", str(name).lower())
            yield from _leaves(each, plain, secret or _SECRET_KEY.search(plain) is not None)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, key, secret)
    elif isinstance(value, str):
        yield value, key, secret
    elif isinstance(value, int | float) and not isinstance(value, bool) and secret:
        yield str(value), key, secret


def _harmless(key: str, value: str) -> bool:
    if _NO_SECRET.fullmatch(value):
        return True
    return _NAMING_KEY.fullmatch(key) is not None and _PLAIN_WORD.fullmatch(value) is not None


def _forms(value: str) -> Iterator[str]:
    yield value
    stripped = value.strip()
    yield stripped
    parts = [match[1] for match in _PASSWORD_IN_URL.finditer(value)]
    parts += [match[1] for match in _TOKEN_IN_URL.finditer(value) if not _PLAIN_WORD.fullmatch(match[1])]
    parts += [match[2] for match in _IN_QUERY.finditer(value) if _SECRET_KEY.search(match[1].lower())]
    for part in parts:
        yield part
        yield unquote(part)
    if "\n" in stripped:
        for line in stripped.splitlines():
            if len(line.strip()) >= _LINE and not line.startswith("-----"):
                yield line.strip()
