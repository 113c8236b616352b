"""What services bound to an app mean to it: DATABASE_URL from VCAP_SERVICES, contracts/cloudfoundry-staging.md §1.2 and §1.9.

The reference reads VCAP_SERVICES with Go's JSON and its URLs with Go's net/url, and writes the URL anew. What it writes is what
frameworks have been given for years, so that the same is written here: a ``@`` in a password comes out as ``%40``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import quote, unquote_to_bytes

_WRITTEN_AS = {"mysql": "mysql2", "mysql2": "mysql2", "postgres": "postgres", "postgresql": "postgres"}
"""The schemes of relational databases, and what a DATABASE_URL calls them."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_IN_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
_IN_HOST = re.compile(r"""(?:[A-Za-z0-9._~!$&'()*+,;=:\[\]<>"-]|%25|%[89A-Fa-f][0-9A-Fa-f]|[^\x00-\x7f])*""")
_IN_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@\[\]%/-]*")
_IN_FRAGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@\[\]%/?-]*")
_PORT = re.compile(r":[0-9]*")


class NotJson(ValueError):
    """A text is not the JSON that was asked for. It says where, and never what it found, which may be a secret."""


def read_json(text: str) -> Any:
    """The value of a JSON text, by Go's rules where Python is more generous. Raises NotJson."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise NotJson(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise NotJson(f"a number or a nesting that is too large, or no JSON number ({type(error).__name__})") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def field(value: Mapping[str, Any], name: str) -> Any:
    """A member as Go's JSON finds it: by its name in any case, the last one that is not null; None where there is none."""
    found = [each for key, each in value.items() if key.lower() == name and each is not None]
    return found[-1] if found else None


def database_url(services: str | Mapping[str, Any]) -> str | None:
    """DATABASE_URL from ``services``, VCAP_SERVICES as text or read: the first ``credentials.uri`` of a relational database.

    First is first in the document; in the reference labels come in no order, so that any of them may win there. None where there
    is no such URI, and, as in the reference, where the services are not what VCAP_SERVICES looks like: that is no failure.
    """
    try:
        read = read_json(services) if isinstance(services, str) else services
        uris = list(_uris(read))
    except (NotJson, TypeError):
        return None
    return next((url for url in map(_as_database_url, uris) if url is not None), None)


def _uris(services: Any) -> Iterator[str]:
    """Every ``credentials.uri`` that is not empty, in order. Raises TypeError where the services have another shape."""
    for label in _typed(services, Mapping, {}).values():
        for service in _typed(label, list, []):
            credentials = _typed(field(_typed(service, Mapping, {}), "credentials"), Mapping, {})
            uri = _typed(field(credentials, "uri"), str, "")
            if uri:
                yield _LONE_SURROGATE.sub("\ufffd", uri)


def _typed(value: Any, kind: Any, otherwise: Any) -> Any:
    if value is None:
        return otherwise
    if not isinstance(value, kind):
        raise TypeError(type(value).__name__)
    return value


def _as_database_url(uri: str) -> str | None:
    """``uri`` as net/url writes it, with the scheme that frameworks expect; None where it is another's or no URL at all."""
    before, _, fragment = uri.partition("#")
    parts = _IN_SCHEME.fullmatch(before)
    scheme = _WRITTEN_AS.get(parts[1].lower()) if parts else None
    if parts is None or scheme is None or re.search(r"[\x00-\x1f\x7f]", before) or _BAD_ESCAPE.search(fragment):
        return None
    rest, mark, query = parts[2].partition("?")
    tail = mark + query + ("#" + _encoded(fragment, _IN_FRAGMENT, "$&+,/:;=?@!()*") if fragment else "")
    if not rest.startswith("/"):
        return f"{scheme}:{rest}{tail}"
    if not rest.startswith("//"):
        return None if _BAD_ESCAPE.search(rest) else f"{scheme}:{_path(rest)}{tail}"
    authority, slash, path = rest[2:].partition("/")
    written = _authority(authority)
    if written is None or _BAD_ESCAPE.search(path):
        return None
    return f"{scheme}:{'//' if written or slash else ''}{written}{_path(slash + path)}{tail}"


def _path(raw: str) -> str:
    return _encoded(raw, _IN_PATH, "$&+,/:;=@")


def _encoded(raw: str, plain: re.Pattern[str], safe: str) -> str:
    """``raw`` as it is where every character may stand there, else escaped anew."""
    return raw if plain.fullmatch(raw) else quote(unquote_to_bytes(raw), safe=safe)


def _authority(authority: str) -> str | None:
    """``user:password@host:port`` with each part escaped as it must be; None where a part cannot be one."""
    user, at, host = authority.rpartition("@")
    if not _IN_USER.fullmatch(user) or _BAD_ESCAPE.search(user) or not _IN_HOST.fullmatch(host):
        return None
    if "[" in host:
        literal, closed, port = host.rpartition("]")
        if not closed or not _is_ipv6(literal) or (port and not _PORT.fullmatch(port)):
            return None
    elif ":" in host and not _PORT.fullmatch(host[host.rindex(":") :]):
        return None
    name, colon, password = user.partition(":")
    shown = "".join((_user(name), colon, _user(password), at))
    return shown + quote(unquote_to_bytes(host), safe="!$&'()*+,;=:[]<>\"")


def _is_ipv6(literal: str) -> bool:
    """Whether what stands before the last closing bracket is an IPv6 address, behind the opening one."""
    from ipaddress import AddressValueError, IPv6Address

    try:
        return literal.startswith("[") and bool(IPv6Address(literal[1:].replace("%25", "%", 1)))
    except AddressValueError:
        return False


def _user(raw: str) -> str:
    return quote(unquote_to_bytes(raw), safe="$&+,;=")
