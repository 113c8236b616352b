"""What apt was told: how to reach its mirrors (apt.conf), and which they are (STAGEWRIGHT_APT_SOURCES)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stagewright.settings.certificates import read_bundle
from stagewright.settings.cleaning import clean_proxy, clean_url
from stagewright.settings.operator import Operator, Part, text

APT_CONF = PurePosixPath("/trust/apt.conf")
_SOURCES = {"sources": PurePosixPath("/trust/apt.sources"), "list": PurePosixPath("/trust/apt.list")}
"""apt tells the two formats apart by the end of the name."""

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#(?!clear|include)[^\n]*)
      |(?P<directive>\#(?:clear|include)[^;]*;)
      |"(?P<string>[^"]*)"
      |(?P<sign>[{};])
      |(?P<word>[^\s"{};]+)""",
    re.DOTALL | re.VERBOSE,
)
_PROXY = re.compile(r"acquire::(http|https|ftp)::proxy(::[a-z0-9._-]+)?")
_PLAIN = re.compile(
    r"acquire::(retries|check-valid-until|check-date|forceipv4|forceipv6|(http|https|ftp)::(timeout|pipeline-depth)"
    r"|https::(verify-peer|verify-host)|https::[a-z0-9.-]+::(verify-peer|verify-host))"
)
_CAINFO = re.compile(r"acquire::https::(.+::)?cainfo")
_REFUSED = re.compile(r"acquire::(.+::)?(proxy-auto-detect|proxyautodetect|sslcert|sslkey)")
_VALUE = re.compile(r"[A-Za-z0-9._-]+")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def apt_part(operator: Operator, sources: Path | None) -> Part:
    lines: list[str] = []
    notes: list[str] = []
    certificates: list[bytes] = []
    for name, value in _settings(operator):
        lowered = name.lower()
        if _PROXY.fullmatch(lowered):
            lines += _proxy(name, value, notes)
        elif _PLAIN.fullmatch(lowered) and _VALUE.fullmatch(value):
            lines.append(f'{name} "{value}";')
        elif _CAINFO.fullmatch(lowered):
            certificates += read_bundle(Path(value))
        elif _REFUSED.fullmatch(lowered):
            notes.append(f"apt: {name} left out")
    files: dict[PurePosixPath, bytes] = {}
    found = text(sources) if sources is not None else None
    if found is not None:
        deb822 = re.search(r"(?im)^types\s*:", found) is not None
        place = _SOURCES["sources" if deb822 else "list"]
        files[place] = _clean_sources(found, deb822, notes).encode()
        lines += [f'Dir::Etc::SourceList "{place}";', 'Dir::Etc::SourceParts "/dev/null";']
    files[APT_CONF] = "\n".join(["// What the operator configured, without credentials.", *lines, ""]).encode()
    return Part(files, {"APT_CONFIG": str(APT_CONF)}, tuple(certificates), tuple(notes))


def _settings(operator: Operator) -> Iterator[tuple[str, str]]:
    """Every setting by its full name, from the least important file to the most, as apt.conf(5) orders them."""
    named = operator.named("APT_CONFIG")
    parts = operator.at("/etc/apt/apt.conf.d")
    try:
        inside = sorted(path for path in parts.iterdir() if path.suffix in ("", ".conf"))
    except OSError:
        inside = []
    for path in ([named] if named is not None else []) + inside + [operator.at("/etc/apt/apt.conf")]:
        yield from parse_apt_conf(text(path) or "")


def parse_apt_conf(conf: str) -> Iterator[tuple[str, str]]:
    """``Acquire { http { Proxy "x"; }; };`` and ``Acquire::http::Proxy "x";`` alike become ``("Acquire::http::Proxy", "x")``.

    What cannot be read ends the reading; ``#clear`` and ``#include`` are passed over.
    """
    scope: list[str] = []
    name = value = ""
    position = 0
    while position < len(conf):
        match = _TOKEN.match(conf, position)
        if match is None:
            return
        position = match.end()
        if match["word"] is not None and not name:
            name = match["word"]
        elif match["word"] is not None or match["string"] is not None:
            value = match["word"] or match["string"] or ""
        elif match["sign"] == "{":
            scope.append(name)
            name = value = ""
        elif match["sign"] == "}":
            if scope:
                scope.pop()
            name = value = ""
        elif match["sign"] == ";":
            if name and value:
                yield "::".join(part for part in (*scope, name) if part), value
            name = value = ""


def _proxy(name: str, value: str, notes: list[str]) -> list[str]:
    if value.lower() in ("direct", "false"):
        return [f'{name} "{value}";']
    cleaned = clean_proxy(value)
    if cleaned.removed:
        notes.append(f"apt: {cleaned.removed} in {name} left out")
    return [] if cleaned.text is None else [f'{name} "{cleaned.text}";']


def _clean_sources(sources: str, deb822: bool, notes: list[str]) -> str:
    """Sources without credentials; comments go too, since a commented line may hold what the real one no longer does."""

    def cleaned(match: re.Match[str]) -> str:
        url = clean_url(match[0])
        if url.removed:
            notes.append(f"apt: {url.removed} in the sources left out")
        return url.text or ""

    # In the one-line format a comment may follow a source; in the other one a line is a comment as a whole or not at all.
    lines = (line if deb822 else line.partition("#")[0] for line in sources.splitlines())
    lines = (line for line in lines if not line.startswith("#"))
    return "\n".join(_ADDRESS.sub(cleaned, line) for line in lines) + "\n"
