"""Which proxy a request goes through, by HTTPS_PROXY and NO_PROXY as Go's net/http reads them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote_to_bytes, urlsplit


class UnknownProxy(Exception):
    """A proxy is named that this program cannot speak to. The message does not hold its address, which may hold a password."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that opens tunnels, and what it wants to be told for that."""

    host: str
    port: int
    headers: Mapping[str, str]


def proxy_for(environ: Mapping[str, str], host: str, port: int) -> Proxy | None:
    """The proxy on the way to ``host``; None where the way is direct. Raises UnknownProxy."""
    named = environ.get("HTTPS_PROXY") or environ.get("https_proxy")
    exempt = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not named or _is_loopback(host) or any(_covers(entry, host, port) for entry in _entries(exempt)):
        return None
    try:
        url = urlsplit(named if "://" in named else f"http://{named}")
        proxy_host, proxy_port = url.hostname, url.port or 80
    except ValueError:
        raise UnknownProxy("HTTPS_PROXY is not a URL") from None
    if url.scheme != "http" or not proxy_host:
        raise UnknownProxy("HTTPS_PROXY is not an http URL")
    headers: dict[str, str] = {}
    if url.username is not None:
        pair = unquote_to_bytes(url.username) + b":" + unquote_to_bytes(url.password or "")
        headers["Proxy-Authorization"] = f"Basic {b64encode(pair).decode('ascii')}"
    return Proxy(proxy_host, proxy_port, headers)


def _entries(exempt: str) -> Iterator[str]:
    return (entry for each in exempt.split(",") if (entry := each.strip().lower()))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is about ``host``.

    It is ``*``, a network, an address or a domain; the last two may end in a port. A domain covers those below it; one that
    begins with a dot covers them alone.
    """
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return ip_address(host) in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, asked = entry.rpartition(":")
    if colon and asked.isdigit() and (":" not in name or name.startswith("[")):
        if asked != str(port):
            return False
        entry = name.strip("[]")
    domain = entry.removeprefix("*")
    return host.lower() == domain or host.lower().endswith("." + domain.removeprefix("."))
