"""A small, strict reader of the YAML that Staticfiles are written in: ``key: value`` lines, and maps by indentation.

Not YAML as a whole, which the standard library does not read: lists, block texts, anchors, tags and flow maps are refused with
their line, instead of being guessed at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from buildpack import BuildpackError

KEY = re.compile(r"[A-Za-z0-9_/.][^\"'#\[\]{}&!|,`]*")
"""A key without quotes; what else YAML would allow is refused, since a path or a header's name has no need of it."""

INDICATOR = re.compile(r"[\]},]|[-?:]( |$)")
"""What a value without quotes cannot begin with, beside the signs below."""

NOT_READ = {
    "[": "a list",
    "{": "a map in braces",
    "|": "a text of several lines",
    ">": "a text of several lines",
    "&": "an anchor",
    "*": "an alias",
    "!": "a tag",
    "%": "a directive",
    "@": "a reserved sign",
    "`": "a reserved sign",
}


@dataclass(frozen=True)
class Node:
    """A value with the line that it stands on (from 1): a text, or where that is None a map of further nodes."""

    line: int
    text: str | None = None
    entries: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class _Row:
    line: int
    indent: int
    key: str
    value: str | None


def parse(text: str) -> dict[str, Node]:
    """The map that the text holds. Raises ``BuildpackError`` naming the line that is not understood."""
    rows = list(_rows(text))
    if not rows:
        return {}
    entries, end = _map(rows, 0)
    if end < len(rows):
        refuse(rows[end].line, "it is indented like no line above it")
    return entries


def refuse(line: int, why: str) -> NoReturn:
    raise BuildpackError(f"The Staticfile cannot be read: line {line}: {why}")


def _map(rows: Sequence[_Row], position: int) -> tuple[dict[str, Node], int]:
    """The map whose first entry is at ``position``, and the position after its last."""
    indent, entries = rows[position].indent, {}
    while position < len(rows) and rows[position].indent == indent:
        row = rows[position]
        position += 1
        below: Mapping[str, Node] = {}
        if position < len(rows) and rows[position].indent > indent:
            if row.value is not None:
                refuse(rows[position].line, f"it is indented below {row.key!r}, which has a value already")
            below, position = _map(rows, position)
        if row.key in entries:
            refuse(row.line, f"{row.key!r} is there for the second time")
        entries[row.key] = Node(row.line, row.value if row.value is not None or below else "", below)
    return entries, position


def _rows(text: str) -> Iterator[_Row]:
    started = False
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#") or (raw.rstrip() == "---" and not started):
            continue
        started = True
        content = raw.lstrip(" ")
        if "\t" in raw:
            refuse(number, "it holds a tab; use spaces")
        if content.startswith("- ") or stripped == "-":
            refuse(number, "a list is not understood here")
        key, rest = _split(number, content)
        yield _Row(number, len(raw) - len(content), key, _scalar(number, rest))


def _split(number: int, content: str) -> tuple[str, str]:
    if content[0] in "\"'":
        key, rest = _quoted(number, content)
        rest = rest.lstrip()
        if rest == ":" or rest.startswith(": "):
            return key, rest[1:].strip()
    else:
        key, colon, rest = content.partition(": ")
        if not colon:
            key = content.partition(" #")[0].rstrip()
            key, colon = key[:-1], key[-1:]
        if colon in (":", ": "):
            if not KEY.fullmatch(key.rstrip()):
                refuse(number, f"{key.strip()!r} is no key that is understood here; put it into quotes")
            return key.rstrip(), rest.strip()
    refuse(number, "expected 'key: value'")


def _scalar(number: int, text: str) -> str | None:
    """The value of a line without its comment; None where there is none."""
    if not text or text.startswith("#"):
        return None
    if text[0] in "\"'":
        value, rest = _quoted(number, text)
        if rest.strip() and not rest.lstrip().startswith("#"):
            refuse(number, f"{rest.strip()!r} follows a value in quotes")
        return value
    if text[0] in NOT_READ:
        refuse(number, f"{NOT_READ[text[0]]} is not understood here; put a text into quotes")
    if INDICATOR.match(text):
        refuse(number, f"a value that begins with {text[0]} must be put into quotes")
    value = text.partition(" #")[0].rstrip()
    if ": " in value or value.endswith(":"):
        refuse(number, "a value with a colon must be put into quotes")
    return value


def _quoted(number: int, text: str) -> tuple[str, str]:
    """The content of the quotes that the text begins with, and what follows them."""
    quote, position = text[0], 1
    while position < len(text):
        if quote == '"' and text[position] == "\\":
            position += 2
        elif text[position] != quote:
            position += 1
        elif quote == "'" and text[position + 1 : position + 2] == "'":
            position += 2
        else:
            break
    if position >= len(text):
        refuse(number, "a quote is not closed")
    inside, rest = text[1:position], text[position + 1 :]
    if quote == "'":
        return inside.replace("''", "'"), rest
    try:
        return str(json.loads(f'"{inside}"')), rest
    except ValueError:
        refuse(number, "of backslashes in double quotes only those of JSON are understood")
