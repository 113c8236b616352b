"""Which Node.js the app asks for, and which file said so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from buildpack import fail

from nodejs_buildpack.lines import LTS_CODENAMES
from nodejs_buildpack.package_json import AppPackage
from nodejs_buildpack.semver import ANY, InvalidRange, Range

VERSION_FILES = (".nvmrc", ".node-version")

_NEWEST = frozenset({"node", "latest", "current", "stable", "*", "x"})
_LTS = re.compile(r"lts(?:/(?P<name>\*|-\d+|[a-z]+))?")


@dataclass(frozen=True)
class NodeRequest:
    """A range of Node.js versions in the words of the app."""

    range: Range
    wanted: str
    source: str
    """What decided, to be said in the log: ``engines.node of package.json``, ``.nvmrc``, …"""
    others: tuple[str, ...] = ()
    """What else named a version, and was passed over."""


def node_request(build: Path, package: AppPackage | None) -> NodeRequest | None:
    """The first of engines.node, .nvmrc and .node-version that says something; None where none does."""
    said = list(_said(build, package))
    if not said:
        return None
    source, wanted = said[0]
    others = tuple(f"{name} ({text})" for name, text in said[1:] if text != wanted)
    return NodeRequest(parse_wanted(wanted, source), wanted, source, others)


def _said(build: Path, package: AppPackage | None) -> Iterable[tuple[str, str]]:
    if package is not None and package.engines.get("node"):
        yield "engines.node of package.json", package.engines["node"]
    for name in VERSION_FILES:
        file = build / name
        if file.is_file():
            lines = (line.split("#")[0].strip() for line in file.read_text("utf-8-sig", "replace").splitlines())
            text = next(filter(None, lines), "")
            if text:
                yield name, text


def parse_wanted(wanted: str, source: str) -> Range:
    """A range, or one of the words that nvm knows: ``node``, ``lts/*``, ``lts/iron``, ``lts/-1``."""
    word = wanted.strip().lower()
    if word in _NEWEST:
        return ANY
    lts = _LTS.fullmatch(word)
    if lts is not None:
        return _line(lts["name"] or "*", wanted, source)
    try:
        return Range.parse(wanted)
    except InvalidRange as error:
        fail(
            f"{source} asks for Node.js {wanted!r}, which is not a range of versions: {error}.",
            'Ask for a line, like "22.x", or for an exact version.',
        )


def _line(name: str, wanted: str, source: str) -> Range:
    majors = sorted(LTS_CODENAMES.values())
    if name == "*":
        return Range.parse(f"{majors[-1]}.x")
    if name.startswith("-") and int(name[1:]) < len(majors):
        return Range.parse(f"{majors[-1 - int(name[1:])]}.x")
    if name not in LTS_CODENAMES:
        fail(
            f"{source} asks for Node.js {wanted!r}, which names no line with long-term support.",
            f"Known names: {', '.join(f'lts/{known}' for known in LTS_CODENAMES)}.",
        )
    return Range.parse(f"{LTS_CODENAMES[name]}.x")
