"""What a Staticfile asks for. Keys and meanings are those of Cloud Foundry's staticfile-buildpack; ``headers`` is ours.

root: dist                                       the directory to serve
pushstate: enabled                               unknown paths answer with index.html
directory: visible                               list directories without an index
ssi: enabled                                     server-side includes
host_dot_files: enabled                          serve files whose name begins with a dot
force_https: enabled                             redirect what did not come by https (X-Forwarded-Proto)
http_strict_transport_security: enabled          and …_include_subdomains, …_preload
location_include: includes/*.conf                nginx directives below nginx/conf, included into the location
status_codes:                                    pages for errors: a code, several, 4xx or 5xx
  404: /404.html
headers:                                         on every answer, or by the path of the file that is served
  X-Frame-Options: DENY
  /assets/*:
    Cache-Control: public, max-age=31536000
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from buildpack import BuildpackError

from staticfile_buildpack.reading import Node, parse, refuse

ON, OFF = ("enabled", "true"), ("disabled", "false", "")
FLAGS = {
    "pushstate": "pushstate",
    "ssi": "ssi",
    "host_dot_files": "dot_files",
    "force_https": "force_https",
    "http_strict_transport_security": "hsts",
    "http_strict_transport_security_include_subdomains": "hsts_subdomains",
    "http_strict_transport_security_preload": "hsts_preload",
    "enable_http2": "http2",
}
KEYS = (*FLAGS, "root", "directory", "location_include", "status_codes", "headers")

FOUR_XX = (
    "400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 421 422 423 424 426 428 429 431 451"
)
FIVE_XX = "500 501 502 503 504 505 506 507 508 510 511"
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OWN_HEADERS = (
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "server",
)
"""Headers that nginx sets by itself, and that cannot be set twice."""


@dataclass(frozen=True)
class HeaderRule:
    """A header for the files whose path matches; ``*`` in a pattern stands for any characters, a lone ``/*`` for all files."""

    pattern: str
    name: str
    value: str


@dataclass(frozen=True)
class Settings:
    root: str = ""
    """As written; empty where the Staticfile names none."""
    pushstate: bool = False
    directory: bool = False
    ssi: bool = False
    dot_files: bool = False
    force_https: bool = False
    hsts: bool = False
    hsts_subdomains: bool = False
    hsts_preload: bool = False
    http2: bool = False
    location_include: str = ""
    status_codes: Mapping[str, str] = field(default_factory=dict)
    """Pages by codes, as ``error_page`` takes them."""
    headers: tuple[HeaderRule, ...] = ()
    """In the order of the file; where several match, the last one wins."""


def read_settings(build: Path) -> Settings:
    file = build / "Staticfile"
    if not file.is_file():
        return Settings()
    try:
        return parse_settings(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BuildpackError("The Staticfile cannot be read: it is not UTF-8") from error


def parse_settings(text: str) -> Settings:
    """Raises ``BuildpackError`` for a line that is no YAML, a key that is unknown, and a value that has no meaning."""
    nodes = parse(text)
    for key, node in nodes.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            refuse(
                node.line,
                f"there is no key {key!r}" + (f"; did you mean {near[0]!r}?" if near else f" ({', '.join(KEYS)})"),
            )
        if node.entries and key not in ("status_codes", "headers"):
            refuse(node.line, f"{key} is one value, not a map")
    flags = {name: _flag(key, nodes[key]) for key, name in FLAGS.items() if key in nodes}
    return Settings(
        root=_text(nodes.get("root")),
        directory="directory" in nodes and _flag("directory", nodes["directory"], ("visible",)),
        location_include=_include(nodes.get("location_include")),
        status_codes=_status_codes(nodes.get("status_codes")),
        headers=_headers(nodes.get("headers")),
        **flags,
    )


def _text(node: Node | None) -> str:
    return (node.text or "") if node else ""


def _flag(key: str, node: Node, also_on: tuple[str, ...] = ()) -> bool:
    text, on = (node.text or "").lower(), (*ON, *also_on)
    if text not in (*on, *OFF):
        refuse(node.line, f"{key} is {(also_on or ON)[0]} or disabled, not {node.text!r}")
    return text in on


def _include(node: Node | None) -> str:
    if node is None or not node.text:
        return ""
    if not re.fullmatch(r"[\w./*?\[\]-]+", node.text) or ".." in node.text.split("/") or node.text.startswith("/"):
        refuse(node.line, f"location_include names files below nginx/conf, not {node.text!r}")
    return node.text


def _status_codes(node: Node | None) -> dict[str, str]:
    pages: dict[str, str] = {}
    for key, entry in node.entries.items() if node else ():
        codes = {"4xx": FOUR_XX, "5xx": FIVE_XX}.get(key.lower(), key)
        if not re.fullmatch(r"[345]\d\d( +[345]\d\d)*", codes) or entry.entries:
            refuse(entry.line, f"{key!r} is no status code from 300 to 599, nor 4xx or 5xx")
        if not re.fullmatch(r"/[^\s;{}\"'$\\]*", entry.text or ""):
            refuse(entry.line, f"the page of {key} is a path that begins with /, not {entry.text!r}")
        pages[codes] = entry.text or ""
    if node and not node.entries and node.text:
        refuse(node.line, "status_codes is a map: 404: /404.html, indented, on lines of their own")
    return pages


def _headers(node: Node | None) -> tuple[HeaderRule, ...]:
    if node is None:
        return ()
    if node.text:
        refuse(node.line, "headers is a map: Name: value, indented, on lines of their own")
    rules: list[HeaderRule] = []
    for key, entry in node.entries.items():
        if key.startswith("/"):
            if not entry.entries:
                refuse(entry.line, f"below {key} come the headers of these files, indented")
            rules.extend(_header(key, name, below) for name, below in entry.entries.items())
        else:
            rules.append(_header("/*", key, entry))
    return tuple(rules)


def _header(pattern: str, name: str, node: Node) -> HeaderRule:
    value = node.text or ""
    if node.entries or not HEADER_NAME.fullmatch(name):
        refuse(node.line, f"{name!r} is neither the name of a header nor a path that begins with /")
    if name.lower() in OWN_HEADERS:
        refuse(node.line, f"{name} is set by the server")
    if "$" in value:
        refuse(node.line, f"$ in the value of {name} would be a variable of nginx; set this header by location_include")
    if not value.isprintable() or not value.isascii():
        refuse(node.line, f"the value of {name} holds signs that a header cannot")
    return HeaderRule(pattern, name, value)
